"""Who was lost within ten seconds, as one leader after the other sees it."""

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.region.leading.breaker_watch import SETTLE_SECONDS, BreakerWatch
from tests.balance.test_circuit_breaker import PROCESSES, fleet, tripped

WHOLE = fleet(9)
THREE_DEAD = PROCESSES[:3]


def named(made, *numbers, code="RackLost"):
    """The fleet with these losses recorded as open problems."""
    return evolve(made, open_problems={(code, f"rack:r{n:02}"): None for n in numbers})


class Leader:
    def __init__(self):
        self.clock = Clock()
        self.watch = BreakerWatch(self.clock)

    def look(self, made, seconds=0.0, silent=()):
        """Look at once and each second for so long; give the first change that comes of it."""
        change = self.watch.look(made, silent=silent)
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            change = change or self.watch.look(made, silent=silent)
        return change


@pytest.fixture
def leader():
    leader = Leader()
    assert leader.look(WHOLE, 5) is None
    return leader


def test_racks_that_are_lost_together_trip_it_at_once(leader):
    assert leader.look(fleet(9, away=[0, 1])) is None
    leader.clock.advance(1.0)
    assert leader.look(fleet(9, away=[0, 1, 2])).trips


def test_racks_that_are_lost_one_after_the_other_do_not(leader):
    for lost in ([0], [0, 1], [0, 1, 2], [0, 1, 2, 3]):
        assert leader.look(fleet(9, away=lost), 6) is None
    assert leader.look(fleet(9, away=[0, 1, 2, 3]), 20) is None


def test_processes_that_die_together_trip_it_at_once(leader):
    assert leader.look(fleet(9, dead=THREE_DEAD)).now.processes == set(THREE_DEAD)


def test_a_new_leader_knows_what_was_lost_before_it_began():
    leader = Leader()
    lost = named(fleet(9, away=range(4), dead=THREE_DEAD), *range(4))
    assert leader.look(lost, 20) is None


def test_a_new_leader_trips_for_what_was_lost_with_the_leader_before_it():
    leader = Leader()
    lost = fleet(9, away=range(4))
    assert leader.look(lost) is None, "not at its first look, when all may only be starting"
    assert leader.look(lost, SETTLE_SECONDS).trips
    leader = Leader()
    dead = fleet(9, dead=THREE_DEAD)
    assert leader.look(dead, SETTLE_SECONDS, silent=THREE_DEAD).trips


def test_where_everything_starts_and_the_racks_come_within_moments_nothing_trips():
    leader = Leader()
    assert leader.look(fleet(9, away=range(9)), 1) is None
    assert leader.look(fleet(9, away=range(3)), 1) is None
    assert leader.look(WHOLE, 10) is None


def test_a_new_leader_goes_on_with_the_breaker_and_ends_it(leader):
    held = tripped(range(4))
    leader = Leader()
    assert leader.look(named(fleet(9, away=range(4), breaker=held), *range(4)), 60) is None
    assert leader.look(fleet(9, away=[0], breaker=held)).now is None


def test_who_did_not_look_for_a_while_begins_anew(leader):
    leader.clock.advance(60)
    assert leader.look(named(fleet(9, away=range(4)), *range(4)), 20) is None
