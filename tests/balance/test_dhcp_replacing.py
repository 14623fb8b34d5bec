"""When another rack takes the place of one of a pair in the files (dhcp.md rule 4d)."""

from datetime import UTC, datetime
from ipaddress import IPv6Network

import pytest
from attrs import evolve

from evenrack.balance.dhcp_services import decide_met, decide_services
from evenrack.balance.dhcp_turns import Patience, decide_turns, racks_in_a_hurry
from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.dhcp_roles import Service
from evenrack.model.identifiers import SubnetId, VlanId
from evenrack.model.intents import Breaker
from evenrack.model.network6 import Subnet6
from evenrack.model.partner_down import PartnerDown
from tests.dhcp_fleet import (
    dhcp_fleet,
    pair_of,
    rack_id,
    server_of,
    service_of,
    serving,
    waiting,
    with_services,
)

VLAN = VlanId(1)
AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


APART = "communications-interrupted"


def on_vlan_1(rack):
    """The interfaces of a rack that is on VLAN 1 too."""
    return dhcp_fleet({1: [rack], 2: [rack]}).interfaces


def taken_over(*, away=(1,), survivor=2, dead=1, now=(1, 2), designated=(2, 3), **more):
    """Rack 1 is dead by the operator's word, and rack 2 gives away every address."""
    attached = {1: [1, 2, 3], 2: [2, 3, 4]}
    pairs, services = {1: designated, 2: (2, 4)}, {1: now, 2: (2, 4)}
    fleet = dhcp_fleet(attached, pairs=pairs, services=services, away=away, **more)
    word = PartnerDown(
        vlan=VLAN, survivor=rack_id(survivor), dead=rack_id(dead), who="anna", at=AT, taken_at=AT
    )
    fleet = serving(fleet, survivor, state="partner-down")
    return evolve(fleet, partner_downs={VLAN: word}, taken_over=frozenset({VLAN}))


def begun_with_3(*, lower):
    """Racks 2 and 3, of which 3 takes the half that 1 gave away (model.halves)."""
    return Service(
        primary=server_of(1, 2),
        secondary=server_of(1, 3),
        met=False,
        hurries=True,
        lower=lower,
    )


def decided(fleet):
    return decide_services(fleet, {}).get(VLAN, "as it is")


@pytest.mark.parametrize("now", [(1, 2), (2, 1)])
def test_after_partner_down_and_mclt_the_third_rack_takes_the_lost_ones_place(now):
    assert decided(taken_over(now=now)) == begun_with_3(lower=rack_id(3 if now == (1, 2) else 2))


@pytest.mark.parametrize(
    "fleet",
    [
        pytest.param(evolve(taken_over(), taken_over=frozenset()), id="mclt is not over"),
        pytest.param(evolve(taken_over(), partner_downs={}), id="nobody called it dead"),
        pytest.param(taken_over(away=()), id="it is back"),
        pytest.param(taken_over(away=(1, 2)), id="who is left is not there"),
        pytest.param(taken_over(away=(1, 3)), id="the third is not there"),
        pytest.param(taken_over(survivor=1, dead=2, away=(2,)), id="it is of the other rack"),
        pytest.param(taken_over(designated=(2, 1)), id="no third is designated"),
        pytest.param(taken_over(designated=(2,)), id="nobody is designated"),
        pytest.param(
            serving(taken_over(), 2, state="communications-interrupted"), id="it was put back"
        ),
        pytest.param(serving(taken_over(), 2, state="normal"), id="its partner lives"),
        pytest.param(evolve(taken_over(), breaker=Breaker(why="much was lost")), id="breaker"),
        pytest.param(
            evolve(
                serving(with_services(taken_over(), {1: (2, 3)}), 3),
                services=taken_over().services,
            ),
            id="the third serves it still, from before",
        ),
    ],
)
def test_until_then_the_lost_one_keeps_its_place(fleet):
    assert decided(fleet) == "as it is"


def test_both_restart_in_one_step_though_others_of_their_peers_are_lost():
    fleet = taken_over(away=(1, 4))
    fleet = evolve(fleet, services={**fleet.services, VLAN: decided(fleet)})
    fleet = waiting(fleet, 2, 3)
    hurried = Patience(overdue=racks_in_a_hurry(fleet))
    assert set(decide_turns(fleet, hurried)) == {rack_id(2), rack_id(3)}
    assert not decide_turns(fleet, Patience()), "as for any other change it would wait"


def test_a_third_rack_that_is_lost_before_they_met_is_replaced_in_its_turn():
    fleet = taken_over(now=(2, 3), designated=(2, 1), away=(3,))
    unmet = {VLAN: evolve(fleet.services[VLAN], met=False)}
    fleet = evolve(fleet, services={**fleet.services, **unmet}, partner_downs={})
    assert decided(fleet).racks == (rack_id(2), rack_id(1))
    assert decided(serving(fleet, 2, state="normal")) == "as it is", "they met: it has leases"
    assert decide_met(serving(fleet, 2, 3)) == (), "and this is told when both are there"


def test_a_newcomer_that_is_in_nobodys_file_yet_is_replaced_at_once():
    """It left when the old one had stopped, and was lost before the other one restarted."""
    fleet = taken_over(now=(2, 3), designated=(2, 4), away=(3,))
    fleet = evolve(fleet, interfaces={**fleet.interfaces, **on_vlan_1(4)}, partner_downs={})
    unmet = evolve(fleet.services[VLAN], met=False)
    before = serving(with_services(fleet, {1: (2, 1), 2: (2, 4)}), 2, state=APART)
    fleet = evolve(before, services={**fleet.services, VLAN: unmet})
    assert decided(fleet).racks == (rack_id(2), rack_id(4))
    has_it = serving(evolve(fleet, services={**fleet.services, VLAN: unmet}), 2, state=APART)
    assert decided(has_it) == "as it is", "they may have met"


# One that is there stops first


def leaving(designated=(2, 3), *, away=(), now=(2, 1), attached=(1, 2, 3), state="normal"):
    """Racks 2 and 1 serve VLAN 1, and others are designated for it."""
    on = {1: list(attached), 5: [1, 2, 3, 4]}
    fleet = dhcp_fleet(on, pairs={1: designated}, services={1: now}, away=away, off=[5])
    return serving(fleet, 1, 2, state=state)


def left(fleet):
    """The fleet in which what was decided is written."""
    return evolve(fleet, services={VLAN: decided(fleet)})


def stopped(fleet, rack=1, **more):
    reports = {**fleet.dhcp_reports, rack_id(rack): DhcpReport(**more)}
    return evolve(fleet, dhcp_reports=reports)


def test_who_is_to_go_stops_before_anything_changes_for_its_peer():
    fleet = left(leaving())
    now = fleet.services[VLAN]
    assert (now.racks, now.leaving) == ((rack_id(2), rack_id(1)), rack_id(1))
    assert dhcp_plan_for(fleet, rack_id(1)) == ()
    (staying,) = dhcp_plan_for(fleet, rack_id(2))
    assert staying.peer.rack == rack_id(1), "its file is what it was"
    assert decided(fleet) == "as it is", "it has not stopped yet"
    assert decided(stopped(fleet)) == begun_with_3(lower=rack_id(2))


def test_one_that_may_be_starting_it_again_has_not_stopped():
    fleet = left(leaving())
    assert decided(stopped(fleet, changing=True)) == "as it is"
    turn = {rack_id(1): "a plan with it"}
    may_start = evolve(stopped(fleet, waiting="a plan with it"), turns=turn)
    assert decided(may_start) == "as it is"
    assert decided(evolve(stopped(fleet), turns=turn)).racks == (rack_id(2), rack_id(3))


@pytest.mark.parametrize(
    "fleet",
    [
        pytest.param(leaving((2, 1)), id="it is designated"),
        pytest.param(leaving((1, 3), now=(2, 1)), id="its role is to be exchanged first"),
        pytest.param(leaving((2, 3), away=(3,)), id="the other one is not there"),
        pytest.param(leaving((2, 3), away=(1,)), id="it is not there itself"),
        pytest.param(leaving((2, 3), away=(2,)), id="who stays is not there"),
        pytest.param(leaving((2, 3), state="recover-wait"), id="who stays has not every lease"),
        pytest.param(leaving((2, 3), attached=(1, 2)), id="the other one has no address there"),
        pytest.param(leaving((2,)), id="nobody takes its place"),
        pytest.param(serving(with_services(leaving(), {1: (3, 2)}), 3), id="not in the files"),
        pytest.param(evolve(leaving(), breaker=Breaker(why="much was lost")), id="breaker"),
    ],
)
def test_nobody_stops_before_another_can_begin(fleet):
    found = decide_services(fleet, {}).get(VLAN)
    assert found is None or found.leaving is None


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"pairs": {VLAN: pair_of(2, 1)}}, id="it is designated again"),
        pytest.param({"pairs": {VLAN: pair_of(3, 2)}}, id="who stays is not"),
        pytest.param({"links": leaving(away=(3,)).links}, id="the newcomer is lost"),
        pytest.param({"links": leaving(away=(2,)).links}, id="who stays is lost"),
        pytest.param({"links": leaving(away=(1,)).links}, id="it is lost itself"),
    ],
)
def test_until_it_has_stopped_and_later_it_can_come_back(changed):
    fleet = left(leaving())
    for told in (fleet, stopped(fleet)):
        found = decided(evolve(told, **changed))
        assert (found.racks, found.leaving) == ((rack_id(2), rack_id(1)), None)


def test_one_whose_partner_does_not_hear_what_it_gives_away_does_not_stop_in_order():
    fleet = serving(left(leaving()), 2)
    told = leaving(state=APART).dhcp_reports
    fleet = evolve(fleet, dhcp_reports=told)
    assert decided(fleet).leaving is None


def test_b12_a_rack_that_left_the_vlan_goes_also_when_none_takes_its_place():
    fleet = left(leaving((2,), attached=(2, 3)))
    assert fleet.services[VLAN].leaving == rack_id(1)
    assert decided(stopped(fleet)) == Service(primary=server_of(1, 2), hurries=True)


def test_b12_where_both_have_left_the_vlan_others_begin_when_these_have_stopped():
    fleet = leaving((3, 4), attached=(3, 4))
    assert decided(fleet) is None
    ended = evolve(fleet, services={})
    assert decided(ended) == "as it is"
    begun = Service(primary=server_of(1, 3), lower=rack_id(3))
    assert decided(stopped(stopped(ended), 2)) == begun


def test_no_roles_are_exchanged_with_a_rack_that_is_about_to_restart_since_it_leaves():
    """It would have to wait for its leases, and be late for its peer."""
    attached = {1: [1, 2, 3], 2: [1, 2]}
    pairs, services = {1: (2, 3), 2: (2, 1)}, {1: (2, 1), 2: (1, 2)}
    fleet = serving(dhcp_fleet(attached, pairs=pairs, services=services), 1, 2)
    leaves = evolve(fleet.services[VLAN], leaving=rack_id(1))
    fleet = evolve(fleet, services={**fleet.services, VLAN: leaves})
    assert VlanId(2) not in decide_services(fleet, {})
    stays = evolve(
        fleet,
        pairs={**fleet.pairs, VLAN: pair_of(2, 1)},
        services=with_services(fleet, services).services,
    )
    assert decide_services(stays, {})[VlanId(2)].primary.rack == rack_id(2)


def test_nobody_leaves_while_its_peer_exchanges_roles_elsewhere():
    attached = {1: [1, 2, 3], 2: [1, 2, 4]}
    pairs, services = {1: (2, 3), 2: (1, 2)}, {1: (2, 1), 2: (1, 2)}
    fleet = serving(dhcp_fleet(attached, pairs=pairs, services=services), 1, 2)
    changed = evolve(fleet, services={**fleet.services, VlanId(2): service_of(2, 2, 1)})
    assert decided(fleet).leaving == rack_id(1)
    assert decided(changed) == "as it is"


def test_m11_who_takes_the_place_of_one_that_gave_ipv6_away_takes_its_half_and_waits():
    net = Subnet6(id=SubnetId(9), cidr=IPv6Network("fd00::/64"))

    def with_ipv6(fleet):
        return evolve(
            fleet, vlans={**fleet.vlans, VLAN: evolve(fleet.vlans[VLAN], subnets6=(net,))}
        )

    taken = decided(with_ipv6(taken_over()))
    assert (taken.racks, taken.lower, taken.held) == (
        *((rack_id(2), rack_id(3)), rack_id(3)),
        rack_id(3),
    )
    alone = decided(with_ipv6(stopped(left(leaving((2,), attached=(2, 3))))))
    assert (alone.racks, alone.lower, alone.held) == ((rack_id(2),), rack_id(2), rack_id(1))
