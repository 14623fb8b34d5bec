"""Who has a VLAN in its configuration file."""

import pytest
from attrs import evolve
from hypothesis import given

from evenrack.balance.dhcp_services import decide_met, decide_services
from evenrack.model.identifiers import VlanId
from tests.balance.test_dhcp_pairs import cases
from tests.dhcp_fleet import (
    dhcp_fleet,
    pair_of,
    rack_id,
    server_of,
    service_of,
    serving,
    with_services,
)

VLAN = VlanId(1)


def decided(fleet, pairs=None):
    return decide_services(fleet, pairs or {})


def servers(changes, vlan=VLAN):
    return changes[vlan].servers


def test_p19_dhcp_begins_with_the_primary_alone_so_that_somebody_serves_at_once():
    fleet = dhcp_fleet({1: [1, 2]}, pairs={1: (1, 2)})
    assert servers(decided(fleet)) == (server_of(1, 1),)


def test_what_was_decided_in_the_same_turn_counts():
    fleet = dhcp_fleet({1: [1, 2]})
    assert servers(decided(fleet, {VLAN: pair_of(2, 1)})) == (server_of(1, 2),)
    assert not decided(fleet)


def test_p20_it_is_a_pair_when_the_second_rack_is_there_and_the_first_one_serves():
    fleet = dhcp_fleet({1: [1, 2]}, pairs={1: (1, 2)}, services={1: (1,)})
    assert not decided(fleet)
    assert servers(decided(serving(fleet, 1))) == (server_of(1, 1), server_of(1, 2))
    for away in ([1], [2]):
        fleet = dhcp_fleet({1: [1, 2]}, away=away, pairs={1: (1, 2)}, services={1: (1,)})
        assert not decided(serving(fleet, 1))


def test_the_roles_in_the_files_are_those_that_were_designated():
    fleet = dhcp_fleet({1: [1, 2]}, pairs={1: (2, 1)}, services={1: (1,)})
    assert servers(decided(serving(fleet, 1))) == (server_of(1, 2), server_of(1, 1))


def test_the_first_goes_on_alone_while_nobody_can_be_its_peer():
    fleet = dhcp_fleet({1: [1]}, pairs={1: (1,)}, services={1: (1,)})
    assert not decided(serving(fleet, 1))
    fleet = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (2, 3)}, services={1: (1,)})
    assert not decided(serving(fleet, 1)), "only it has the leases"
    fleet = dhcp_fleet({1: [1], 2: [2]}, pairs={1: (1, 2)}, services={1: (1,)})
    assert not decided(serving(fleet, 1))


def begun(first, second, *, away=(), met=False):
    """Racks 1 and 2 are to become a pair with these roles; until now rack 1 served alone."""
    alone = dhcp_fleet({1: [1, 2]}, away=away, pairs={1: (first, second)}, services={1: (1,)})
    fleet = with_services(serving(alone, 1), {1: (first, second)})
    return evolve(fleet, services={VLAN: evolve(fleet.services[VLAN], met=met)})


def restarted(fleet, rack, *, state):
    """The server of a rack has the pair in its file."""
    of_rack = serving(fleet, rack, state=state).dhcp_reports[rack_id(rack)]
    return evolve(fleet, dhcp_reports={**fleet.dhcp_reports, rack_id(rack): of_rack})


ROLES = pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])


def test_a_pair_begins_without_having_met():
    for roles in ((1, 2), (2, 1)):
        fleet = dhcp_fleet({1: [1, 2]}, pairs={1: roles}, services={1: (1,)})
        assert not decided(serving(fleet, 1))[VLAN].met


@ROLES
def test_a_second_rack_that_is_lost_before_it_came_so_far_leaves_the_first_alone(first, second):
    assert servers(decided(begun(first, second, away=[2]))) == (server_of(1, 1),)


@ROLES
def test_a_first_that_restarted_for_a_partner_that_never_did_goes_on_alone(first, second):
    """It is in recover, where it serves nobody, and would be until that one is back."""
    fleet = restarted(begun(first, second, away=[2]), 1, state="recover")
    assert servers(decided(fleet)) == (server_of(1, 1),)
    for state in ("startup", "unknown", "communications-interrupted"):
        assert not decided(restarted(fleet, 1, state=state)), state


@ROLES
def test_the_newcomer_never_begins_alone_beside_one_that_has_the_leases(first, second):
    """The first is lost; its dhcpd may still answer."""
    fleet = begun(first, second, away=[1])
    assert not decided(fleet)
    assert not decided(restarted(fleet, 2, state="recover"))
    both = restarted(restarted(fleet, 1, state="recover"), 2, state="recover")
    assert not decided(both), "nor when both waited for each other"


@ROLES
def test_of_two_that_have_met_none_goes_on_alone(first, second):
    """One that restarts beside a partner in partner-down is in recover as well."""
    fleet = begun(first, second, away=[2], met=True)
    assert not decided(restarted(fleet, 1, state="recover"))
    assert not decided(fleet)


def test_two_have_met_when_both_are_there_and_say_that_they_are_normal_together():
    fleet = begun(1, 2)
    assert decide_met(fleet) == ()
    one = restarted(fleet, 1, state="normal")
    assert decide_met(one) == ()
    both = restarted(one, 2, state="normal")
    assert decide_met(both) == (VLAN,)
    assert decide_met(restarted(both, 2, state="recover")) == ()
    away = evolve(both, links=[link for link in both.links if link.rack != rack_id(1)])
    assert decide_met(away) == ()
    met = evolve(both, services={VLAN: evolve(both.services[VLAN], met=True)})
    assert decide_met(met) == ()
    assert decide_met(evolve(both, services={VLAN: service_of(1, 1)})) == ()


def test_p9_a_pair_that_was_one_stays_in_the_files_when_a_rack_is_lost():
    fleet = dhcp_fleet({1: [1, 2, 3]}, away=[1], pairs={1: (2, 3)}, services={1: (1, 2)})
    assert not decided(serving(fleet, 1, 2))
    fleet = dhcp_fleet({1: [1, 2]}, away=[2], pairs={1: (1, 2)}, services={1: (1, 2)})
    assert not decided(serving(fleet, 2)), "the lost one may have the pair in its file"


def test_p8_without_dhcp_nobody_has_it():
    fleet = dhcp_fleet({1: [1, 2]}, services={1: (1, 2)}, off=[1])
    assert decided(fleet) == {VLAN: None}


def test_p8_dhcp_that_is_turned_on_again_begins_when_everybody_has_stopped_it():
    before = serving(dhcp_fleet({1: [1, 2]}, services={1: (1, 2)}), 1, 2)
    fleet = evolve(before, services={}, pairs={VLAN: pair_of(1, 2)})
    assert not decided(fleet)
    one_left = evolve(fleet, dhcp_reports={rack_id(2): fleet.dhcp_reports[rack_id(2)]})
    assert not decided(one_left)
    assert servers(decided(evolve(fleet, dhcp_reports={}))) == (server_of(1, 1),)
    away = dhcp_fleet({1: [1, 2]}, away=[2], pairs={1: (1, 2)})
    assert servers(decided(evolve(away, dhcp_reports=one_left.dhcp_reports))) == (server_of(1, 1),)


def test_p8_the_files_follow_a_new_address_and_keep_the_old_one_of_a_rack_that_has_none():
    fleet = dhcp_fleet({1: [1, 2]}, pairs={1: (1, 2)}, services={1: (1, 2)})
    old = service_of(1, 1, 2)
    moved = evolve(old, secondary=evolve(old.secondary, address=server_of(1, 9).address))
    changes = decided(evolve(serving(fleet, 1, 2), services={VLAN: moved}))
    assert servers(changes) == old.servers
    gone = dhcp_fleet({1: [1], 2: [2]}, pairs={1: (1, 2)}, services={1: (1, 2)})
    assert not decided(serving(gone, 1, 2))


@given(cases())
def test_a_second_decision_changes_nothing(case):
    fleet, _ = case
    changes = decide_services(fleet, {})
    kept = {**fleet.services, **changes}
    after = evolve(fleet, services={vlan: s for vlan, s in kept.items() if s is not None})
    assert not decide_services(after, {})
