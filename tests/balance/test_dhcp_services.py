"""Who has a VLAN in its configuration file."""

from attrs import evolve
from hypothesis import given

from evenrack.balance.dhcp_services import decide_services
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


def test_a_second_rack_that_is_lost_before_it_came_so_far_leaves_the_first_alone():
    alone = dhcp_fleet({1: [1, 2]}, away=[2], pairs={1: (1, 2)}, services={1: (1,)})
    fleet = with_services(serving(alone, 1), {1: (1, 2)})
    assert servers(decided(fleet)) == (server_of(1, 1),)


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
