"""For how long evidence has been complete: any sign of life starts anew (dhcp.md rule 5)."""

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.region.leading.evidence_watch import EvidenceWatch
from evenrack.region.regular_looks import SEEN_SECONDS
from tests.balance.test_partner_down_evidence import (
    ALL_SILENT,
    BREAKER,
    ONE,
    THREE,
    TWO,
    VLAN,
    lost,
    probe,
)

ENOUGH = 60.0
SILENT = lost(*ALL_SILENT)
SIGNS_OF_LIFE = {
    "it is back": lost(*ALL_SILENT, away=()),
    "it is heard": lost(*ALL_SILENT, state="normal"),
    "its host refuses": lost(probe(TWO, ONE, "refused"), *ALL_SILENT[1:]),
    "its host answers another": lost(*ALL_SILENT[:2], probe(THREE, ONE, "resolved")),
    "the third is gone": lost(*ALL_SILENT, away=(1, 3)),
    "nobody is asked": lost(),
}


class Watched:
    def __init__(self, after=ENOUGH):
        self.clock = Clock()
        self.watch = EvidenceWatch(self.clock, after_seconds=after)

    def look(self, fleet):
        self.watch.look(fleet)
        return [(it.vlan, it.dead) for it in self.watch.enough(fleet)]

    def after(self, seconds, fleet):
        """Look each second; gives what the last look found enough."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            found = self.look(fleet)
        return found


@pytest.fixture
def watched():
    watched = Watched()
    assert watched.look(SILENT) == []
    return watched


def test_evidence_is_enough_when_it_has_been_complete_for_so_long_and_not_before(watched):
    assert watched.after(ENOUGH - 1, SILENT) == []
    assert watched.after(1, SILENT) == [(VLAN, ONE)]


@pytest.mark.parametrize("life", SIGNS_OF_LIFE.values(), ids=SIGNS_OF_LIFE)
def test_any_sign_of_life_starts_anew(watched, life):
    watched.after(ENOUGH - 1, SILENT)
    assert watched.after(1, life) == []
    assert watched.look(SILENT) == []
    assert watched.after(ENOUGH - 1, SILENT) == []
    assert watched.after(1, SILENT) == [(VLAN, ONE)]


def test_who_did_not_look_for_a_while_knows_nothing_of_before(watched):
    watched.after(ENOUGH - 1, SILENT)
    watched.clock.advance(SEEN_SECONDS + 1)
    assert watched.look(SILENT) == []


def test_it_waits_for_the_breaker_and_counts_meanwhile(watched):
    assert watched.after(2 * ENOUGH, evolve(SILENT, breaker=BREAKER)) == []
    assert watched.after(1, SILENT) == [(VLAN, ONE)]


def test_it_is_never_enough_where_it_is_off():
    assert Watched(after=None).after(2 * ENOUGH, SILENT) == []
