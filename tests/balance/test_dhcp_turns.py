"""Whose turn it is to restart its DHCP server."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.balance.dhcp_turns import (
    Patience,
    decide_turns,
    decide_withdrawals,
    is_busy,
)
from evenrack.model.dhcp_plan import SHARED
from evenrack.model.dhcp_report import VlanError
from evenrack.model.identifiers import VlanId
from tests.dhcp_fleet import (
    dhcp_fleet,
    plan_name,
    rack_id,
    serving,
    vlan_of,
    waiting,
    with_services,
)


def turns(fleet, *, expired=(), overdue=()):
    patience = Patience(
        expired=[rack_id(n) for n in expired], overdue=[rack_id(n) for n in overdue]
    )
    return set(decide_turns(fleet, patience))


def racks(*numbers):
    return {rack_id(n) for n in numbers}


def changed(fleet, vlan):
    """The fleet with another content of a VLAN."""
    return evolve(
        fleet,
        vlans={**fleet.vlans, VlanId(vlan): evolve(vlan_of(vlan), name=f"other{vlan}")},
    )


def with_turns(fleet, *numbers):
    return evolve(fleet, turns={rack_id(n): plan_name(fleet, n) for n in numbers})


def pair_of_racks(**more):
    """Racks 1 and 2 are a pair for VLAN 1 and all is well."""
    fleet = dhcp_fleet({1: [1, 2]}, services={1: (1, 2)}, **more)
    return serving(fleet, 1, 2)


def test_who_serves_nothing_yet_need_not_wait():
    fleet = dhcp_fleet({1: [1]}, services={1: (1,)})
    assert turns(fleet) == set()
    granted = decide_turns(waiting(fleet, 1), Patience())
    assert granted == {rack_id(1): plan_name(fleet, 1)}


def test_only_the_newest_plan_has_a_turn():
    fleet = waiting(dhcp_fleet({1: [1]}, services={1: (1,)}), 1)
    assert turns(changed(fleet, 1)) == set()


def test_who_has_its_turn_is_not_told_again_and_who_is_away_gets_none():
    fleet = waiting(dhcp_fleet({1: [1]}, services={1: (1,)}), 1)
    assert turns(with_turns(fleet, 1), expired=[1]) == set()
    assert turns(dhcp_fleet({1: [1]}, away=[1], services={1: (1,)})) == set()


def test_what_is_applied_waits_no_more():
    fleet = serving(dhcp_fleet({1: [1]}, services={1: (1,)}), 1)
    assert turns(waiting(fleet, 1)) == set()


def test_p20_where_failover_begins_both_restart_in_one_step():
    alone = serving(dhcp_fleet({1: [1, 2]}, services={1: (1,)}), 1)
    fleet = with_services(alone, {1: (1, 2)})
    assert turns(waiting(fleet, 1)) == set()
    assert turns(waiting(fleet, 2)) == set()
    assert turns(waiting(fleet, 1, 2)) == racks(1, 2)


def test_several_pairs_that_begin_at_once_are_one_step():
    fleet = dhcp_fleet({1: [1, 2], 2: [2, 3]}, services={1: (1, 2), 2: (2, 3)})
    assert turns(waiting(fleet, 1, 2)) == set()
    assert turns(waiting(fleet, 1, 2, 3)) == racks(1, 2, 3)


def test_failover_does_not_begin_with_one_who_refuses_the_vlan():
    alone = serving(dhcp_fleet({1: [1, 2]}, services={1: (1,)}), 1)
    fleet = waiting(with_services(alone, {1: (1, 2)}), 1, 2)
    report = fleet.dhcp_reports[rack_id(2)]
    refused = evolve(report, errors=(VlanError(vlan=VlanId(1), error="no"),))
    assert turns(evolve(fleet, dhcp_reports={**fleet.dhcp_reports, rack_id(2): refused})) == set()


def test_global_snippets_that_are_refused_hold_up_no_beginning():
    alone = serving(dhcp_fleet({1: [1, 2]}, services={1: (1,)}), 1)
    fleet = waiting(with_services(alone, {1: (1, 2)}), 1, 2)
    reports = {
        rack: evolve(report, errors=(VlanError(vlan=SHARED, error="no"),))
        for rack, report in fleet.dhcp_reports.items()
    }
    assert turns(evolve(fleet, dhcp_reports=reports)) == turns(fleet) == racks(1, 2)


def test_m14_of_a_pair_only_one_restarts_at_a_time():
    fleet = waiting(changed(pair_of_racks(), 1), 1, 2)
    assert turns(fleet) == racks(1)
    assert turns(with_turns(fleet, 1)) == set()
    assert is_busy(with_turns(fleet, 1), rack_id(1))


def test_m14_the_next_one_restarts_when_all_is_normal_again():
    fleet = changed(pair_of_racks(), 1)
    fleet = with_turns(waiting(serving(fleet, 1, state="recover"), 2), 1)
    assert turns(fleet) == set()
    fleet = serving(fleet, 1)
    assert not is_busy(fleet, rack_id(1))
    assert turns(fleet) == racks(2)


def test_who_had_its_turn_and_did_not_use_it_loses_it_and_its_peer_does_not_try_what_failed():
    fleet = with_turns(waiting(changed(pair_of_racks(), 1), 1, 2), 1)
    assert turns(fleet, expired=[1]) == set()
    assert turns(evolve(fleet, turns={})) == racks(1)
    expired = Patience(expired=[rack_id(1), rack_id(2)])
    assert decide_withdrawals(fleet, expired) == (rack_id(1),)
    assert decide_withdrawals(with_turns(pair_of_racks(), 1), expired) == ()


def test_a_pair_that_is_not_normal_is_left_alone_until_it_has_waited_long_enough():
    for state in ("communications-interrupted", "recover", "unknown", "partner-down"):
        fleet = changed(serving(pair_of_racks(), 1, state=state), 1)
        fleet = waiting(fleet, 1)
        assert turns(fleet) == set()
        assert turns(fleet, overdue=[1]) == racks(1)


def test_who_is_overdue_does_not_wait_for_the_end_of_its_last_turn_either():
    """Its peer was lost right after that, so it never came to `normal`."""
    apart = serving(pair_of_racks(), 1, state="communications-interrupted")
    fleet = waiting(changed(evolve(apart, turns={rack_id(1): plan_name(apart, 1)}), 1), 1)
    assert turns(fleet) == set()
    assert turns(fleet, overdue=[1]) == racks(1)


def test_a_server_that_does_not_run_need_not_wait_for_its_peer():
    fleet = waiting(changed(serving(pair_of_racks(), 1, state="down"), 1), 1)
    report = evolve(fleet.dhcp_reports[rack_id(1)], running=False)
    assert turns(evolve(fleet, dhcp_reports={**fleet.dhcp_reports, rack_id(1): report})) == racks(1)


def test_a_pair_that_ends_holds_nobody_up():
    fleet = serving(pair_of_racks(), 1, state="communications-interrupted")
    both = evolve(fleet, vlans={**fleet.vlans, VlanId(2): vlan_of(2)})
    assert turns(waiting(with_services(both, {2: (1,)}), 1)) == racks(1)


def test_racks_that_share_nothing_restart_at_once():
    fleet = dhcp_fleet({1: [1, 2], 2: [3, 4]}, services={1: (1, 2), 2: (3, 4)})
    fleet = changed(changed(serving(fleet, 1, 2, 3, 4), 1), 2)
    assert turns(waiting(fleet, 1, 2, 3, 4)) == racks(1, 3)


def test_a_rack_that_lost_its_file_restarts_alone_when_its_peer_has_the_pair():
    fleet = dhcp_fleet({1: [1, 2]}, services={1: (1, 2)})
    fleet = serving(fleet, 2, state="communications-interrupted")
    assert turns(waiting(fleet, 1)) == racks(1)


@pytest.mark.parametrize("away", [[1], [2]])
def test_one_of_a_beginning_pair_that_is_away_holds_the_other_up(away):
    fleet = dhcp_fleet({1: [1, 2]}, away=away, services={1: (1, 2)})
    assert turns(waiting(fleet, 1, 2)) == set()


def test_p8_a_turn_for_a_plan_that_is_no_more_holds_nobody_up():
    fleet = pair_of_racks()
    old = evolve(fleet, turns={rack_id(1): "a plan of long ago", rack_id(2): ""})
    assert not is_busy(old, rack_id(1))
    assert turns(waiting(changed(old, 1), 2)) == racks(2)
    assert decide_withdrawals(old, Patience(expired=[rack_id(1)])) == ()


def test_who_is_away_is_not_busy():
    fleet = dhcp_fleet({1: [1, 2]}, away=[1], services={1: (1, 2)})
    assert not is_busy(with_turns(waiting(fleet, 1), 1), rack_id(1))


def test_a_rack_with_another_address_restarts_in_one_step_with_its_peer():
    """One after the other they would speak to addresses at which nobody listens (B7)."""
    before = pair_of_racks()
    pair = before.services[VlanId(1)]
    moved = evolve(pair.secondary, address=IPv4Address("10.1.0.77"))
    fleet = evolve(before, services={VlanId(1): evolve(pair, secondary=moved)})
    assert turns(waiting(fleet, 1)) == set()
    assert turns(waiting(fleet, 1, 2)) == racks(1, 2)


def test_racks_that_do_not_tell_their_addresses_are_taken_to_have_the_right_ones():
    fleet = changed(pair_of_racks(), 1)
    silent = {
        rack: evolve(
            report,
            vlans=tuple(evolve(v, address=None, peer_address=None) for v in report.vlans),
        )
        for rack, report in fleet.dhcp_reports.items()
    }
    assert len(turns(waiting(evolve(fleet, dhcp_reports=silent), 1, 2))) == 1


def test_a_plan_that_did_not_start_gets_no_turn_until_its_rack_would_try_it_again():
    fleet = waiting(changed(pair_of_racks(), 1), 1)
    assert turns(fleet) == racks(1)
    report = fleet.dhcp_reports[rack_id(1)]
    failed = {**fleet.dhcp_reports, rack_id(1): evolve(report, failed="no such port")}
    assert turns(evolve(fleet, dhcp_reports=failed)) == set()


@pytest.mark.parametrize(
    ("rack", "state", "met", "may_go"),
    [
        (1, "partner-down", False, True),
        (2, "recover-wait", False, True),
        (1, "communications-interrupted", False, False),
        (2, "recover", False, False),
        (1, "partner-down", True, False),
        (2, "recover-wait", True, False),
    ],
)
def test_a_newcomer_that_waits_for_mclt_holds_nobody_up(rack, state, met, may_go):
    """Who took over serves meanwhile, and is put back into that state after a restart."""
    fleet = pair_of_racks()
    service = evolve(fleet.services[VlanId(1)], met=met)
    fleet = serving(evolve(fleet, services={VlanId(1): service}), rack, state=state)
    assert turns(waiting(changed(fleet, 1), rack)) == (racks(rack) if may_go else set())


def test_b7_where_both_have_still_to_apply_the_pair_it_holds_neither_of_them_up():
    """One left the VLAN and is to have it again, at another address."""
    fleet = dhcp_fleet({1: [1, 2], 2: [1, 3]}, services={1: (1, 2), 2: (1, 3)})
    apart = serving(serving(fleet, 1, 3), 1, state="communications-interrupted")
    service = fleet.services[VlanId(1)]
    moved = evolve(service.secondary, address=IPv4Address("10.1.0.77"))
    services = {VlanId(1): evolve(service, secondary=moved)}
    fleet = waiting(evolve(apart, services=services), 1, 2)
    assert turns(fleet) == racks(1, 2)
