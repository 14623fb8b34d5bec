"""For how long racks have been away: counted by this process, and only while it looks."""

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.region.leading.absences import Absences
from evenrack.region.regular_looks import SEEN_SECONDS
from tests.dhcp_fleet import dhcp_fleet, rack_id

ONE, TWO = rack_id(1), rack_id(2)
HERE = dhcp_fleet({1: [1, 2]})
ONE_AWAY = dhcp_fleet({1: [1, 2]}, away=[1])
STEP = 0.5


class Looking:
    def __init__(self):
        self.clock = Clock()
        self.absences = Absences(self.clock)

    def look(self, fleet, seconds=0.0):
        """Look at once, and then at every step for so long."""
        self.absences.look(fleet)
        for _ in range(int(seconds / STEP)):
            self.clock.advance(STEP)
            self.absences.look(fleet)


@pytest.fixture
def looking():
    return Looking()


def test_before_the_first_look_nobody_is_away(looking):
    assert looking.absences.seconds(ONE) is None
    assert looking.absences.for_less_than(99) == looking.absences.for_at_least(0) == []


def test_an_absence_counts_from_when_it_was_first_seen(looking):
    looking.look(HERE)
    looking.look(ONE_AWAY, 7)
    assert (looking.absences.seconds(ONE), looking.absences.seconds(TWO)) == (7.0, None)
    looking.clock.advance(1.25)
    assert looking.absences.seconds(ONE) == 8.25


def test_a_rack_that_returns_and_is_lost_again_is_counted_anew(looking):
    looking.look(ONE_AWAY, 5)
    looking.look(HERE)
    assert looking.absences.seconds(ONE) is None
    looking.look(ONE_AWAY, 2)
    assert looking.absences.seconds(ONE) == 2.0


def test_who_did_not_look_for_a_while_counts_anew_for_a_rack_may_have_come_and_gone(looking):
    looking.look(ONE_AWAY, 5)
    looking.clock.advance(SEEN_SECONDS)
    looking.look(ONE_AWAY)
    assert looking.absences.seconds(ONE) == 5.0 + SEEN_SECONDS
    looking.clock.advance(SEEN_SECONDS + STEP)
    looking.look(ONE_AWAY)
    assert looking.absences.seconds(ONE) == 0.0


def test_racks_are_told_apart_by_how_long_they_are_away(looking):
    looking.look(ONE_AWAY, 5)
    looking.look(dhcp_fleet({1: [1, 2]}, away=[1, 2]), 5)
    assert looking.absences.for_less_than(10) == [TWO]
    assert looking.absences.for_at_least(10) == [ONE]
    assert looking.absences.for_less_than(5) == []
    assert looking.absences.for_at_least(5) == [ONE, TWO]


def test_a_rack_that_is_forgotten_is_not_away(looking):
    looking.look(ONE_AWAY, 5)
    looking.look(evolve(ONE_AWAY, racks={TWO: ONE_AWAY.racks[TWO]}))
    assert looking.absences.seconds(ONE) is None
