"""What the leader's clock adds to decisions about DHCP: hold-down, turns that expire, patience."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.model.identifiers import VlanId
from evenrack.region.leading.dhcp_watch import TURN_SECONDS, DhcpDecisions, DhcpWatch
from tests.dhcp_fleet import dhcp_fleet, plan_name, rack_id, serving, waiting

HOLD_DOWN = 30.0
DEFER_SECONDS = 600.0
JUST_BEFORE = 0.125
PAIR = {1: (1, 2)}
ON_ONE_VLAN = {1: (1, 2)}
WELL = serving(dhcp_fleet(ON_ONE_VLAN, pairs=PAIR, services=PAIR), 1, 2)
LOST = serving(dhcp_fleet(ON_ONE_VLAN, pairs=PAIR, services=PAIR, away=(1,)), 1, 2)
ONE, TWO = rack_id(1), rack_id(2)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Watched:
    """One leader's watch, and the clock that only the test moves."""

    def __init__(self):
        self.clock = Clock()
        self.watch = self.new_leader()

    def new_leader(self):
        self.watch = DhcpWatch(self.clock, hold_down_seconds=HOLD_DOWN, defer_seconds=DEFER_SECONDS)
        return self.watch

    def decide_after(self, seconds, fleet):
        """Look each second, as a leader does, and give what the last look decided."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.watch.decide(fleet)
        self.clock.advance(seconds % 1)
        return self.watch.decide(fleet)


@pytest.fixture
def watched():
    return Watched()


def with_turns(fleet, *racks):
    """The fleet with these racks having the turns that they wait for."""
    return evolve(fleet, turns={rack_id(n): plan_name(fleet, n) for n in racks})


# Hold-down


def test_rule_5_racks_are_asked_about_the_lost_one_when_the_hold_down_is_over(watched):
    lost = serving(
        dhcp_fleet({1: (1, 2, 3)}, pairs=PAIR, services=PAIR, away=(1,)),
        *(1, 2),
        state="communications-interrupted",
    )
    watched.decide_after(0, lost)
    assert watched.decide_after(HOLD_DOWN - JUST_BEFORE, lost).probed == ()
    asked = watched.decide_after(JUST_BEFORE, lost).probed
    assert {(probe.asked, probe.target) for probe in asked} == {
        (TWO, ONE),
        (rack_id(3), TWO),
        (rack_id(3), ONE),
    }
    asking = evolve(lost, probes={VlanId(1): asked})
    assert watched.decide_after(1, asking).probed == ()
    back = evolve(asking, links=WELL.links)
    assert set(watched.decide_after(1, back).unprobed) == set(asked)


def test_a_fleet_that_is_well_needs_nothing(watched):
    decided = watched.decide_after(0, WELL)
    assert decided == DhcpDecisions()
    assert not decided


def test_the_designation_moves_when_the_hold_down_is_over_and_not_before(watched):
    assert not watched.decide_after(0, LOST)
    assert not watched.decide_after(HOLD_DOWN - JUST_BEFORE, LOST)
    decided = watched.decide_after(JUST_BEFORE, LOST)
    assert decided
    assert {vlan: pair.racks for vlan, pair in decided.pairs.pairs.items()} == {1: (TWO, ONE)}
    assert decided.services == {}, "the files are left alone: its server may go on"


def test_a_rack_that_was_back_meanwhile_is_lost_anew(watched):
    watched.decide_after(0, LOST)
    watched.decide_after(HOLD_DOWN - JUST_BEFORE, WELL)
    assert not watched.decide_after(JUST_BEFORE, LOST)
    assert not watched.decide_after(HOLD_DOWN - JUST_BEFORE, LOST)
    assert watched.decide_after(JUST_BEFORE, LOST)


def test_a_new_leader_counts_the_hold_down_anew(watched):
    watched.decide_after(0, LOST)
    watched.decide_after(HOLD_DOWN - JUST_BEFORE, LOST)
    watched.new_leader()
    assert not watched.decide_after(JUST_BEFORE, LOST)
    assert not watched.decide_after(HOLD_DOWN - JUST_BEFORE, LOST)
    assert watched.decide_after(JUST_BEFORE, LOST)


# Services and turns


def test_a_new_vlan_is_designated_and_served_at_once_and_no_turn_is_given_in_that_moment(watched):
    fleet = dhcp_fleet(ON_ONE_VLAN)
    decided = watched.decide_after(0, fleet)
    assert decided.pairs.pairs[VlanId(1)].primary == ONE
    assert decided.services[VlanId(1)].racks == (ONE,)
    assert (decided.turns, decided.withdrawn) == ({}, ())


def test_a_rack_that_waits_gets_its_turn_once(watched):
    fleet = waiting(dhcp_fleet(ON_ONE_VLAN, pairs=PAIR, services={1: (1,)}), 1)
    assert watched.decide_after(0, fleet).turns == {ONE: plan_name(fleet, 1)}
    assert not watched.decide_after(0, with_turns(fleet, 1))


def test_a_turn_that_is_not_used_is_withdrawn_after_20_s(watched):
    fleet = with_turns(waiting(dhcp_fleet(ON_ONE_VLAN, pairs=PAIR, services={1: (1,)}), 1), 1)
    assert not watched.decide_after(0, fleet)
    assert not watched.decide_after(TURN_SECONDS - JUST_BEFORE, fleet)
    decided = watched.decide_after(JUST_BEFORE, fleet)
    assert (decided.withdrawn, decided.turns) == ((ONE,), {})


def test_a_turn_that_was_used_is_not_withdrawn(watched):
    fleet = with_turns(WELL, 1, 2)
    watched.decide_after(0, fleet)
    assert not watched.decide_after(10 * TURN_SECONDS, fleet)


def test_a_turn_for_another_plan_counts_anew(watched):
    fleet = dhcp_fleet(ON_ONE_VLAN, pairs=PAIR, services={1: (1,)})
    before = evolve(waiting(fleet, 1), turns={ONE: "another plan"})
    watched.decide_after(0, before)
    watched.decide_after(TURN_SECONDS - JUST_BEFORE, with_turns(waiting(fleet, 1), 1))
    assert not watched.decide_after(JUST_BEFORE, with_turns(waiting(fleet, 1), 1))


def since(fleet, seconds):
    """The fleet whose racks got their turns so long ago, by the database's clock."""
    moments = dict.fromkeys(fleet.turns, NOON)
    return evolve(fleet, granted=moments, read_at=NOON + timedelta(seconds=seconds))


def test_a_new_leader_counts_a_turn_from_when_it_was_given(watched):
    fleet = with_turns(waiting(dhcp_fleet(ON_ONE_VLAN, pairs=PAIR, services={1: (1,)}), 1), 1)
    assert not watched.decide_after(0, since(fleet, TURN_SECONDS - 5))
    assert not watched.decide_after(5 - JUST_BEFORE, since(fleet, 0)), "that clock went back"
    assert watched.decide_after(JUST_BEFORE, since(fleet, 0)).withdrawn == (ONE,)
    watched.new_leader()
    assert watched.decide_after(0, since(fleet, TURN_SECONDS)).withdrawn == (ONE,)


def test_the_same_turn_given_again_counts_anew(watched):
    """By another leader, while this one did not lead."""
    fleet = with_turns(waiting(dhcp_fleet(ON_ONE_VLAN, pairs=PAIR, services={1: (1,)}), 1), 1)
    watched.decide_after(0, since(fleet, 0))
    watched.clock.advance(TURN_SECONDS)
    later = {ONE: NOON + timedelta(seconds=TURN_SECONDS)}
    again = evolve(since(fleet, TURN_SECONDS), granted=later)
    assert not watched.decide_after(0, again)


@pytest.mark.parametrize(("seconds", "may"), [(TURN_SECONDS, {TWO}), (TURN_SECONDS - 1, set())])
def test_a_new_leader_lets_the_next_rack_restart_when_the_turn_of_one_that_is_not_normal_is_over(
    watched, seconds, may
):
    """Rack 1 has restarted, and its pair did not become normal; rack 3 shares another with it."""
    pairs = {1: (1, 2), 2: (1, 3)}
    fleet = dhcp_fleet({1: (1, 2), 2: (1, 3)}, pairs=pairs, services=pairs)
    fleet = serving(fleet, 1, 2, 3)
    reports = dict(fleet.dhcp_reports)
    for rack in (ONE, rack_id(3)):
        sides = reports[rack].vlans
        apart = [evolve(s, state="recover") if s.vlan == VlanId(2) else s for s in sides]
        reports[rack] = evolve(reports[rack], applied=plan_name(fleet, int(rack[-1])), vlans=apart)
    fleet = with_turns(evolve(fleet, dhcp_reports=reports), 1)
    number = evolve(fleet.leadership.number, generation=9)
    changed = evolve(fleet.services[VlanId(1)], number=number)
    fleet = evolve(fleet, services={**fleet.services, VlanId(1): changed})
    fleet = evolve(waiting(fleet, 2), turns=fleet.turns)
    assert watched.decide_after(0, since(fleet, seconds)).turns.keys() == may


def test_how_long_a_rack_has_its_turn_is_not_known_of_one_that_never_had_it():
    assert WELL.turn_age(ONE) == 0.0
    assert evolve(WELL, granted={ONE: NOON}).turn_age(ONE) == 0.0
    assert evolve(WELL, granted={ONE: NOON}, read_at=NOON - timedelta(hours=1)).turn_age(ONE) == 0.0


def alone_since_its_peer_is_lost():
    """Rack 1 is lost; rack 2 serves on and waits with a change."""
    lost = serving(dhcp_fleet(ON_ONE_VLAN, pairs={1: (2, 1)}, services=PAIR, away=(1,)), 1, 2)
    reports = serving(lost, 2, state="communications-interrupted").dhcp_reports
    changed = evolve(lost.services[VlanId(1)], number=evolve(lost.leadership.number, generation=9))
    return waiting(evolve(lost, services={VlanId(1): changed}, dhcp_reports=reports), 2)


def test_while_its_peer_is_away_a_change_waits_for_600_s_and_then_no_longer(watched):
    fleet = alone_since_its_peer_is_lost()
    assert watched.decide_after(0, fleet).turns == {}
    assert watched.decide_after(DEFER_SECONDS - JUST_BEFORE, fleet).turns == {}
    assert watched.decide_after(JUST_BEFORE, fleet).turns == {TWO: plan_name(fleet, 2)}


def test_changes_that_come_one_after_the_other_wait_no_longer_than_the_first(watched):
    """Or a change every nine minutes would let none of them ever take effect."""
    fleet = alone_since_its_peer_is_lost()
    watched.decide_after(0, fleet)
    later = evolve(fleet.services[VlanId(1)], number=evolve(fleet.leadership.number, generation=10))
    changed = waiting(evolve(fleet, services={VlanId(1): later}), 2)
    assert watched.decide_after(DEFER_SECONDS - JUST_BEFORE, changed).turns == {}
    assert watched.decide_after(JUST_BEFORE, changed).turns == {TWO: plan_name(changed, 2)}


def test_a_change_that_an_operator_hurries_does_not_wait_for_who_is_away(watched):
    fleet = alone_since_its_peer_is_lost()
    hurried = evolve(fleet.services[VlanId(1)], hurries=True)
    fleet = evolve(fleet, services={VlanId(1): hurried})
    decided = watched.decide_after(0, fleet)
    assert (decided.turns, decided.hurried) == ({TWO: plan_name(fleet, 2)}, ())
    applied = serving(fleet, 2, state="communications-interrupted")
    assert watched.decide_after(0, applied).hurried == (VlanId(1),)


def test_a_hurry_is_not_over_before_every_rack_that_is_there_has_the_change(watched):
    number = evolve(WELL.leadership.number, generation=9)
    changed = evolve(WELL.services[VlanId(1)], number=number, hurries=True)
    fleet = evolve(WELL, services={VlanId(1): changed})
    assert watched.decide_after(0, fleet).hurried == ()
    assert watched.decide_after(0, serving(fleet, 1)).hurried == ()
    assert watched.decide_after(0, serving(fleet, 1, 2)).hurried == (VlanId(1),)


def test_the_first_of_two_that_share_a_pair_goes_and_the_other_after_it_or_after_20_s(watched):
    number = evolve(WELL.leadership.number, generation=9)
    changed = evolve(WELL.services[VlanId(1)], number=number)
    fleet = waiting(evolve(WELL, services={VlanId(1): changed}), 1, 2)
    assert watched.decide_after(0, fleet).turns == {ONE: plan_name(fleet, 1)}
    fleet = with_turns(fleet, 1)
    assert not watched.decide_after(0, fleet)
    done = waiting(serving(fleet, 1), 2)
    assert watched.decide_after(1.0, done).turns == {TWO: plan_name(fleet, 2)}
