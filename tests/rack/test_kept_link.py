"""One link that is made again whenever it ends, and leaves nothing behind when it is stopped."""

import pytest
from twisted.internet import error
from twisted.internet.defer import Deferred

from evenrack.errors import NotTrusted
from evenrack.model.host_port import parse_host_port
from evenrack.rack.kept_link import KeptLink
from evenrack.rack.region_session import RegionSession
from tests.rack.network import Network
from tests.wire.both_ends import Memory, Outcome

FIRST, SECOND = (parse_host_port(f"10.0.0.{host}:5251") for host in (1, 2))


class Kept:
    """A kept link to one region process, and everything around it."""

    def __init__(self, *addresses, jitter=1.0, **rack):
        self.network = Network()
        self.world = self.network.world
        self.desk = self.network.region("region1/1", *(str(a) for a in addresses or [FIRST]))
        self.memory = Memory(world=self.world)
        self.failures = []
        self.link = KeptLink(
            self.network.endpoint_for(addresses or [FIRST]),
            lambda: RegionSession(self.memory.rack_self(**rack), self.memory.lost.append),
            self.introduce,
            self.failures.append,
            self.world.clock,
            lambda: jitter,
        )

    async def introduce(self, session):
        await session.greet()

    def start(self, seconds=1.0):
        self.link.startService()
        self.world.advance(seconds)
        return self

    def stop(self):
        stopping = self.link.stopService()
        outcome = Outcome(stopping)
        self.world.settle()
        return outcome

    def dials(self):
        return len(self.network.dialled)


def test_the_link_is_made_and_kept_and_nothing_is_dialled_beside_it():
    kept = Kept().start(60.0)
    assert (kept.dials(), len(kept.desk.links), kept.failures) == (1, 1, [])


def test_p22_a_link_that_ends_is_made_again_within_a_moment():
    kept = Kept().start()
    kept.desk.links[0].abort()
    kept.world.advance(0.5)
    assert (kept.dials(), len(kept.desk.links)) == (2, 1)


def test_the_pause_grows_to_5_seconds_while_nobody_answers():
    kept = Kept()
    kept.network.behind.clear()
    kept.start(60.0)
    first_minute = kept.dials()
    kept.world.advance(60.0)
    assert 12 <= kept.dials() - first_minute <= 13
    assert first_minute > 15
    assert len(kept.failures) == kept.dials()
    assert {type(problem) for problem in kept.failures} == {error.ConnectionRefusedError}


def test_after_a_good_link_the_pause_is_short_again():
    kept = Kept()
    listening = dict(kept.network.behind)
    kept.network.behind.clear()
    kept.start(60.0)
    kept.network.behind.update(listening)
    kept.world.advance(12.0)
    assert len(kept.desk.links) == 1
    before = kept.dials()
    kept.desk.links[0].abort()
    kept.world.advance(0.25)
    assert kept.dials() == before + 1


def test_a_link_that_ends_right_after_each_hello_is_dialled_ever_more_seldom():
    kept = Kept().start()
    for _ in range(600):
        kept.world.advance(0.1)
        for link in list(kept.desk.links):
            link.abort()
    assert 12 <= kept.dials() <= 25  # in a minute; ten times as many with the shortest pause


def test_a_link_that_ends_during_its_hello_is_made_again():
    kept = Kept()
    kept.desk.slow = Deferred()
    kept.start()
    assert len(kept.desk.links) == 1
    kept.desk.slow, waiting = None, kept.desk.slow
    kept.desk.links[0].abort()
    kept.world.advance(1.0)
    waiting.callback(None)
    kept.world.advance(1.0)
    assert (kept.dials(), len(kept.desk.links), len(kept.failures)) == (2, 1, 1)


def test_a_revoked_rack_knocks_ever_more_seldom_and_closes_each_link_before_the_next():
    kept = Kept()
    kept.desk.door.revoked.add("5e1a1")
    kept.start(60.0)
    first_minute = kept.dials()
    kept.world.advance(60.0)
    assert 12 <= kept.dials() - first_minute <= 13
    assert kept.desk.told == []
    assert {type(problem) for problem in kept.failures} == {NotTrusted}
    assert all(wire.is_gone for wire in kept.world.wires)


def test_a_rack_whose_certificate_is_good_again_is_back_within_5_seconds():
    kept = Kept()
    kept.desk.door.revoked.add("5e1a1")
    kept.start(60.0)
    kept.desk.door.revoked.clear()
    kept.world.advance(6.0)
    assert len(kept.desk.links) == 1


def test_a_region_that_hangs_is_let_go_and_dialled_again():
    kept = Kept().start()
    kept.world.wires[0].cut()
    kept.world.advance(5.0)
    assert (kept.dials(), len(kept.desk.links)) == (2, 1)


def test_the_second_address_is_used_when_the_first_is_gone():
    kept = Kept(FIRST, SECOND).start()
    del kept.network.behind[FIRST]
    kept.desk.links[0].abort()
    kept.world.advance(1.0)
    assert kept.network.dialled[-1] == str(SECOND)
    assert len(kept.desk.links) == 1


def silent(kept):
    kept.network.silent.add(FIRST)


def refusing(kept):
    kept.network.behind.clear()


def greeting(kept):
    kept.desk.slow = Deferred()


def up(_kept):
    pass


@pytest.mark.parametrize("stage", [silent, refusing, greeting, up])
@pytest.mark.parametrize("addresses", [[FIRST], [FIRST, SECOND]], ids=["one", "two"])
def test_a_stop_at_any_stage_ends_the_link_and_leaves_no_call_behind(stage, addresses):
    kept = Kept(*addresses)
    stage(kept)
    kept.start(2.0)
    before = kept.dials()
    assert kept.stop().is_there
    if kept.desk.slow is not None:
        kept.desk.slow.callback(None)
    kept.world.settle()
    assert all(wire.is_gone for wire in kept.world.wires)
    assert kept.world.clock.getDelayedCalls() == []
    kept.world.advance(30.0)
    assert kept.dials() == before
    assert kept.desk.links == []


@pytest.mark.parametrize("after", [0.0, 1 / 64, 1 / 16])
def test_a_stop_at_any_moment_of_the_start_leaves_nothing_behind(after):
    kept = Kept()
    kept.link.startService()
    kept.world.clock.advance(after)
    for pumped in range(8):
        other = Kept()
        other.link.startService()
        other.world.clock.advance(after)
        for _ in range(pumped):
            for wire in other.world.wires:
                wire.pump()
        assert other.stop().is_there
        other.world.settle()
        assert all(wire.is_gone for wire in other.world.wires)
        assert other.world.clock.getDelayedCalls() == []
    assert kept.stop().is_there


def test_a_stop_is_no_failure_to_tell_of():
    for stage in (silent, greeting, up):
        kept = Kept()
        stage(kept)
        kept.start(1.0)
        kept.stop()
        assert kept.failures == []


def test_a_link_that_was_stopped_can_be_started_again():
    kept = Kept().start()
    kept.stop()
    kept.start()
    assert len(kept.desk.links) == 1
    kept.stop()


def test_stopping_what_was_never_started_does_nothing():
    assert Kept().link.stopService() is None
