"""Small writes that come at once: one statement, and everyone hears what came of it."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.errors import DatabaseUnreachable
from evenrack.region.links.batched_writes import BatchedWrites


class Written:
    """A clock, what was written, and what becomes of it."""

    def __init__(self):
        self.clock, self.batches, self.answers = Clock(), [], []
        self.writes = BatchedWrites(self.write, self.clock)
        self.writes.startService()
        self.clock.advance(0.02)

    async def write(self, facts):
        self.batches.append(list(facts))
        if self.answers:
            await self.answers.pop(0)

    def add(self, fact):
        return Deferred.fromCoroutine(self.writes.add(fact))


@pytest.fixture
def written():
    it = Written()
    yield it
    it.writes.stopService()


def test_what_comes_within_a_moment_is_one_batch_in_its_order(written):
    adding = [written.add(fact) for fact in ("b", "a", "b")]
    assert written.batches == []
    written.clock.advance(0.02)
    assert written.batches == [["b", "a"]]
    assert all(each.called for each in adding)


def test_what_comes_while_a_batch_is_written_is_the_next_one(written):
    slow = Deferred()
    written.answers = [slow]
    first = written.add("a")
    written.clock.advance(0.02)
    second = written.add("b")
    written.clock.advance(0.02)
    assert (written.batches, first.called) == ([["a"]], False)
    slow.callback(None)
    written.clock.advance(0.02)
    assert written.batches == [["a"], ["b"]]
    assert first.called
    assert second.called


def test_without_a_database_everyone_who_waits_is_told_and_it_goes_on(written):
    away = Deferred()
    away.errback(DatabaseUnreachable("away"))
    written.answers = [away]
    adding = [written.add(fact) for fact in ("a", "b")]
    written.clock.advance(0.02)
    for each in adding:
        each.addErrback(lambda failure: failure.trap(DatabaseUnreachable) and None)
        assert each.called
    third = written.add("c")
    written.clock.advance(0.02)
    assert written.batches[-1] == ["c"]
    assert third.called


def test_who_gave_up_waiting_is_missed_by_nobody(written):
    gone, stays = written.add("a"), written.add("a")
    gone.addErrback(lambda _: None)
    gone.cancel()
    written.clock.advance(0.02)
    assert stays.called


def test_who_waits_or_comes_when_it_stops_is_told_at_once(written):
    slow = Deferred()
    written.answers = [slow]
    under_way = written.add("a")
    written.clock.advance(0.02)
    waiting = written.add("b")
    stopping = written.writes.stopService()
    late = written.add("c")
    for each in (waiting, late):
        told = []
        each.addErrback(told.append)
        assert [failure.type for failure in told] == [DatabaseUnreachable]
    assert (under_way.called, stopping.called) == (False, False)
    slow.callback(None)
    assert (under_way.called, stopping.called) == (True, True)
    assert written.batches == [["a"]]
