"""A rack's plan is what the tables say of it, under the number of that decision."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

from attrs import evolve

from evenrack.balance.rack_plans import dhcp_plan_for, plan_for
from evenrack.model.dhcp_plan import SHARED, dhcp_fingerprint, dhcp_plan_from_json, shared_part
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId, RangeId, SubnetId
from evenrack.model.json_form import to_json
from evenrack.model.network import Range
from evenrack.model.network6 import Range6, Subnet6
from evenrack.model.rack_plan import RackPlan
from evenrack.model.snippet import Snippet
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.strategies import fleet_of, rack_named, running

RACK = rack_named("rack0001")


def test_the_plan_names_the_manager_under_the_number_of_that_decision():
    fleet = fleet_of([running("region1/1")], [RACK], managing={RACK.id: ProcessId("region1/1")})
    assert plan_for(fleet, RACK.id) == RackPlan(
        rack=RACK.id, number=FleetNumber(3, 7), managed_by=ProcessId("region1/1")
    )


def test_a_rack_that_nobody_manages_has_no_plan():
    fleet = fleet_of([running("region1/1")], [RACK])
    assert plan_for(fleet, RACK.id) is None
    assert plan_for(fleet, RackId("unknown1")) is None


def test_racks_are_not_told_which_addresses_are_never_given_away():
    fleet = dhcp_fleet({1: [1]}, services={1: (1,)})
    [vlan] = fleet.vlans.values()
    [subnet] = vlan.subnets
    reserved = Range(
        id=RangeId(9),
        first=IPv4Address("10.1.0.1"),
        last=IPv4Address("10.1.0.9"),
        reserved=True,
    )
    kept = evolve(vlan, subnets=(evolve(subnet, reserved_ranges=(reserved,)),))
    with_it = evolve(fleet, vlans={vlan.id: kept})
    assert dhcp_plan_for(with_it, rack_id(1)) == dhcp_plan_for(fleet, rack_id(1)) != ()


def test_m11_each_rack_is_told_its_half_and_nothing_new_where_there_is_no_ipv6():
    fleet = dhcp_fleet({1: [1, 2]}, services={1: (1, 2)})
    service = evolve(fleet.services[1], lower=rack_id(2), held=rack_id(1))
    fleet = evolve(fleet, services={1: service})
    (without,) = to_json(dhcp_plan_for(fleet, rack_id(1)))
    assert not {"half", "half_held"} & without.keys()
    assert "subnets6" not in without["vlan"]
    [vlan] = fleet.vlans.values()
    reserved = Range6(
        id=RangeId(7), first=IPv6Address("fd00::1"), last=IPv6Address("fd00::9"), reserved=True
    )
    net = Subnet6(id=SubnetId(7), cidr=IPv6Network("fd00::/64"), reserved_ranges=(reserved,))
    fleet = evolve(fleet, vlans={vlan.id: evolve(vlan, subnets6=(net,))})
    (first,), (second,) = (dhcp_plan_for(fleet, rack_id(number)) for number in (1, 2))
    assert [(it.half, it.half_held) for it in (first, second)] == [
        ("upper", True),
        ("lower", False),
    ]
    (told,) = first.vlan.subnets6
    assert told.reserved_ranges == (), "no server needs to know"
    assert dhcp_plan_from_json(to_json((first,))) == (first,)


PHONES = Snippet(id=7, level="global", text='class "phones" { }')


def test_global_snippets_come_before_all_vlans_of_every_rack_that_serves_any():
    fleet = dhcp_fleet({1: [1, 2], 2: [1, 3]}, services={1: (1, 2), 2: (1,)})
    with_them = evolve(fleet, global_snippets=(PHONES,))
    for rack in (rack_id(1), rack_id(2)):
        plan = dhcp_plan_for(with_them, rack)
        assert plan == (shared_part((PHONES,)), *dhcp_plan_for(fleet, rack))
        assert plan[0].vlan.id == SHARED
        assert dhcp_plan_from_json(to_json(plan)) == plan
        assert dhcp_fingerprint(plan) != dhcp_fingerprint(plan[1:])
    assert dhcp_plan_for(with_them, rack_id(3)) == ()


def test_a_plan_without_snippets_says_nothing_of_them():
    """So a rack from before can read it."""
    fleet = dhcp_fleet({1: [1, 2]}, services={1: (1, 2)})
    assert "snippet" not in str(to_json(dhcp_plan_for(fleet, rack_id(1))))
