"""Work that runs soon after a trigger, one turn at a time, and by itself every so often."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.runtime.look_again import LookAgain

GATHER, AT_LEAST = 1 / 64, 1.0


class Loop:
    """A loop whose turns are noted; with `slow` each of them lasts until it is finished."""

    def __init__(self, *, slow=False, first_at_once=False):
        self.clock = Clock()
        self.turns = []
        self.slow = slow
        self.waiting = []
        self.problem = None
        self.also = None
        self.loop = LookAgain(
            self.work,
            self.clock,
            gather_seconds=GATHER,
            at_least_every=AT_LEAST,
            first_at_once=first_at_once,
        )

    async def work(self):
        assert not self.waiting, "two turns at once"
        self.turns.append(self.clock.seconds())
        if self.also is not None:
            self.also()
        if self.slow:
            self.waiting.append(Deferred())
            await self.waiting[0]
        if self.problem is not None:
            raise self.problem

    def finish(self):
        self.waiting.pop().callback(None)

    def started(self):
        self.loop.startService()
        self.clock.advance(GATHER)
        self.turns.clear()
        return self


def test_the_first_look_comes_with_the_start():
    loop = Loop()
    loop.loop.startService()
    assert loop.turns == []
    loop.clock.advance(GATHER)
    assert len(loop.turns) == 1


def test_a_clock_that_goes_on_while_it_is_asked_makes_no_delay_that_is_over():
    class Moving(Clock):
        def seconds(self):
            self.rightNow += 1e-6
            return super().seconds()

        def callLater(self, when, *rest):
            assert when >= 0, "as a reactor demands"
            return super().callLater(when, *rest)

    async def work():
        clock.turns += 1

    clock = Moving()
    clock.turns = 0
    loop = LookAgain(work, clock, gather_seconds=0.0, at_least_every=AT_LEAST)
    loop.startService()
    for _ in range(3):
        clock.advance(AT_LEAST)
        loop.trigger()
    assert clock.turns >= 3


def test_it_looks_by_itself_at_least_every_so_often():
    loop = Loop().started()
    loop.clock.pump([GATHER] * round(10 / GATHER))
    assert len(loop.turns) == 10


def test_many_triggers_cost_one_turn_soon_after_the_first():
    loop = Loop().started()
    first = loop.clock.seconds()
    for _ in range(8):
        loop.loop.trigger()
        loop.clock.advance(GATHER / 8)
    assert loop.turns == [first + GATHER]


def test_triggers_that_never_stop_do_not_put_a_turn_off():
    loop = Loop().started()
    for _ in range(640):
        loop.loop.trigger()
        loop.clock.advance(GATHER / 4)
    assert len(loop.turns) >= 100


def test_where_the_first_is_not_to_wait_a_trigger_after_a_quiet_time_costs_a_turn_at_once():
    loop = Loop(first_at_once=True).started()
    loop.clock.advance(GATHER)
    triggered = loop.clock.seconds()
    loop.loop.trigger()
    loop.clock.advance(0)
    assert loop.turns == [triggered]


def test_where_the_first_is_not_to_wait_those_after_it_are_gathered_as_ever():
    loop = Loop(first_at_once=True).started()
    loop.clock.advance(GATHER)
    first = loop.clock.seconds()
    for _ in range(8):
        loop.loop.trigger()
        loop.clock.advance(0)
        loop.clock.advance(GATHER / 8)
    assert loop.turns == [first, first + GATHER]
    for _ in range(640):
        loop.loop.trigger()
        loop.clock.advance(GATHER / 4)
    assert all(after - before >= GATHER for before, after in pairwise(loop.turns))


def test_a_trigger_during_a_turn_costs_one_more_turn_and_never_a_second_at_once():
    loop = Loop(slow=True)
    loop.loop.startService()
    loop.clock.advance(GATHER)
    for _ in range(5):
        loop.loop.trigger()
    loop.clock.advance(5.0)
    assert len(loop.turns) == 1
    loop.finish()
    loop.clock.advance(GATHER)
    assert len(loop.turns) == 2
    loop.finish()
    loop.clock.advance(AT_LEAST - GATHER)
    assert len(loop.turns) == 2


def test_a_trigger_by_the_work_itself_is_not_lost():
    loop = Loop().started()
    loop.also = loop.loop.trigger
    loop.clock.pump([GATHER] * 10)
    loop.loop.trigger()
    loop.clock.pump([GATHER] * 10)
    assert len(loop.turns) >= 9


@pytest.mark.parametrize("busy", [False, True])
def test_a_look_that_is_due_sooner_comes_sooner(busy):
    loop = Loop().started()
    if busy:
        loop.also = lambda: loop.loop.trigger_in(0.25)
        loop.loop.trigger()
        loop.clock.advance(GATHER)
        loop.also = None
    else:
        loop.loop.trigger_in(0.25)
    before = len(loop.turns)
    loop.clock.advance(0.25)
    assert len(loop.turns) == before + 1
    loop.clock.advance(0.5)
    assert len(loop.turns) == before + 1  # and only that one


def test_a_look_that_is_due_later_than_the_next_one_changes_nothing():
    loop = Loop().started()
    loop.loop.trigger_in(50.0)
    loop.clock.pump([GATHER] * round(AT_LEAST / GATHER))
    assert len(loop.turns) == 1


def test_a_bad_turn_is_logged_and_the_next_one_comes(logged_failures):
    loop = Loop().started()
    loop.problem = ZeroDivisionError()
    loop.loop.trigger()
    loop.clock.advance(GATHER)
    assert len(logged_failures.take(ZeroDivisionError)) == 1
    loop.problem = None
    loop.clock.advance(AT_LEAST)
    assert len(loop.turns) == 2


def test_a_bad_turn_that_asks_for_another_does_not_fill_the_log(logged_failures):
    loop = Loop().started()
    loop.problem, loop.also = ZeroDivisionError(), loop.loop.trigger
    for _ in range(round(5 * AT_LEAST / GATHER)):
        loop.loop.trigger()  # nor when others ask again and again
        loop.clock.advance(GATHER)
    assert 4 <= len(loop.turns) <= 6
    logged_failures.take(ZeroDivisionError)


def test_a_bad_turn_is_not_repeated_at_once(logged_failures):
    loop = Loop().started()
    loop.problem = ZeroDivisionError()
    loop.loop.trigger()
    loop.clock.pump([GATHER] * 32)
    assert len(loop.turns) == 1
    logged_failures.take(ZeroDivisionError)


def test_after_the_stop_nothing_runs_and_nothing_is_left():
    loop = Loop().started()
    loop.loop.trigger()
    assert loop.loop.stopService() is None
    loop.loop.trigger()
    loop.loop.trigger_in(0.1)
    assert loop.clock.getDelayedCalls() == []


def test_a_stop_waits_for_the_turn_that_runs():
    loop = Loop(slow=True)
    loop.loop.startService()
    loop.clock.advance(GATHER)
    loop.loop.trigger()
    ended = []
    loop.loop.stopService().addCallback(ended.append)
    loop.clock.advance(5.0)
    assert ended == []
    loop.finish()
    assert ended == [None]
    assert loop.clock.getDelayedCalls() == []


def test_a_loop_that_was_stopped_can_be_started_again_even_while_its_last_turn_runs():
    loop = Loop(slow=True)
    loop.loop.startService()
    loop.clock.advance(GATHER)
    loop.loop.stopService()
    loop.loop.startService()
    loop.clock.advance(5.0)
    assert len(loop.turns) == 1
    loop.finish()
    loop.clock.advance(GATHER)
    assert len(loop.turns) == 2
    loop.finish()


@given(
    st.lists(st.sampled_from(["trigger", "trigger_in", "wait", "finish"]), max_size=30),
    st.booleans(),
)
def test_whatever_happens_each_trigger_is_followed_by_a_turn_that_begins_after_it(
    steps, first_at_once
):
    loop = Loop(slow=True, first_at_once=first_at_once)
    loop.loop.startService()
    for step in [*steps, "trigger"]:
        if step == "trigger":
            loop.loop.trigger()
        elif step == "trigger_in":
            loop.loop.trigger_in(0.5)
        elif step == "wait":
            loop.clock.advance(GATHER)
        elif loop.waiting:
            loop.finish()
    triggered, before = loop.clock.seconds(), len(loop.turns)
    for _ in range(2):
        if loop.waiting:
            loop.finish()
        loop.clock.advance(GATHER)
    assert len(loop.turns) > before
    assert loop.turns[-1] >= triggered
