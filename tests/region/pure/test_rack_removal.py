"""What deleting a rack would leave with nobody, and what becomes of its DHCP roles."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.power_routes import StoredOrder
from evenrack.model.identifiers import BmcId, OrderId, VlanId
from evenrack.model.intents import Breaker
from evenrack.region.leading.rack_removal import removal_of
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import dhcp_fleet, pair_of, rack_id, service_of, serving, with_relays

VLAN = VlanId(1)
numbers = st.integers(1, 5)
roles = st.lists(numbers, min_size=1, max_size=2, unique=True).map(tuple)


def removed(fleet, rack=1, orders=()):
    return removal_of(fleet, rack_id(rack), orders)


def objects(removal, *, gone=False):
    return [each.object for each in removal.hindered(gone=gone)]


def order(rack, phase):
    return StoredOrder(
        id=OrderId(7),
        bmc=BmcId(1),
        machine="m1",
        action="on",
        attempt=1,
        phase=phase,
        rack=None if rack is None else rack_id(rack),
        seconds_left=30,
    )


# Who is left


def test_a_rack_that_has_nothing_may_go():
    removal = removed(dhcp_fleet({1: [2, 3]}, away=[1]))
    assert (removal.hindrances, removal.owned) == ((), ())
    assert (removal.pairs, removal.services) == ({}, {})


def test_a_rack_may_go_where_another_connected_one_can_serve():
    assert objects(removed(dhcp_fleet({1: [1, 2]}))) == []


@pytest.mark.parametrize(
    ("attached", "away"), [([1], []), ([1, 2], [2])], ids=["alone", "the other is lost"]
)
def test_the_last_rack_of_a_vlan_with_dhcp_is_needed(attached, away):
    fleet = dhcp_fleet({1: attached}, away=away)
    (hindrance,) = removed(fleet).hindrances
    assert hindrance.object == "vlan:vlan1"
    assert hindrance.why == ("vlan1 has DHCP on, and no other connected rack has an address on it")
    assert objects(removed(fleet), gone=True) == []


def test_a_vlan_without_dhcp_needs_no_rack():
    assert objects(removed(dhcp_fleet({1: [1]}, off=[1]))) == []


def test_the_last_connected_rack_that_reaches_a_bmc_is_needed():
    fleet = bmc_fleet({1: [1], 2: [1, 2], 3: [1, 3]}, owners={2: 1}, away=[3], racks=4)
    removal = removed(fleet)
    assert objects(removal) == ["bmc:b1", "bmc:b3"]
    assert objects(removal, gone=True) == []
    assert removal.owned == (BmcId(2),)


def test_an_order_that_the_rack_has_begun_is_waited_for_even_when_it_is_dead():
    fleet = bmc_fleet({1: [1, 2]})
    for gone in (False, True):
        assert objects(removed(fleet, orders=[order(1, "ON_SENT")]), gone=gone) == ["order:7"]
    for other in (order(1, "NEW"), order(2, "ON_SENT"), order(None, "NEW")):
        assert objects(removed(fleet, orders=[other])) == []


# DHCP servers that may go on


def test_a_lost_rack_in_a_pair_goes_only_by_the_word_that_it_is_dead():
    """Its server would give the addresses of the other one's clients to others."""
    fleet = dhcp_fleet({1: [1, 2, 3]}, away=[1], pairs={1: (1, 2)}, services={1: (1, 2)})
    removal = removed(fleet)
    assert objects(removal) == ["vlan:vlan1"]
    assert removal.hindrances[0].why == (
        "rack1 has vlan1 in the file of its DHCP server, which may go on serving: when "
        "evenrack-rackd, evenrack-dhcpd4 and evenrack-dhcpd6 are stopped on it, or it is dead, "
        "say --gone"
    )
    assert objects(removal, gone=True) == []


def test_a_connected_rack_in_a_pair_is_not_dead_whatever_anybody_says():
    fleet = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}, services={1: (1, 2)})
    removal = removed(fleet)
    assert objects(removal, gone=True) == ["vlan:vlan1"]
    assert removal.hindrances[0].why.endswith(
        "goes on serving: drain it, then stop evenrack-rackd, evenrack-dhcpd4 and "
        "evenrack-dhcpd6 on it, and say --gone"
    )


@pytest.mark.parametrize(
    ("pair", "after", "service"),
    [
        ((1, 2), (2, 3), (2,)),
        ((2, 1), (2, 3), (2,)),
        ((1,), (2, 3), None),
    ],
    ids=["primary", "secondary", "alone"],
)
def test_the_peer_goes_on_and_another_is_designated_as_the_leader_would(pair, after, service):
    fleet = dhcp_fleet({1: [1, 2, 3]}, away=[1], pairs={1: pair}, services={1: pair})
    removal = removed(fleet)
    assert removal.pairs == {VLAN: pair_of(*after)}
    (left,) = removal.services.values()
    if service is None:
        assert left is None
    else:
        assert left.servers == service_of(1, *service).servers


def test_where_nobody_is_left_the_vlan_is_nobodys():
    fleet = dhcp_fleet({1: [1]}, away=[1], pairs={1: (1,)}, services={1: (1,)})
    removal = removed(fleet)
    assert (removal.pairs, removal.services) == ({VLAN: None}, {VLAN: None})


def test_also_while_the_breaker_holds_the_peer_goes_on():
    fleet = dhcp_fleet({1: [1, 2, 3]}, away=[1], pairs={1: (1, 2)}, services={1: (1, 2)})
    removal = removed(evolve(fleet, breaker=Breaker(why="a network is cut")))
    assert removal.pairs == {VLAN: pair_of(2)}


def test_where_the_file_names_another_rack_than_the_designation_nothing_is_added_either():
    fleet = dhcp_fleet({1: [1, 2, 3], 9: [1, 4]}, pairs={1: (1, 2)}, services={1: (1, 4)})
    assert removed(fleet).pairs == {VLAN: pair_of(2, 3)}


@given(
    attached=st.dictionaries(numbers, st.lists(numbers, max_size=4, unique=True), min_size=1),
    away=st.lists(numbers, unique=True),
    off=st.lists(numbers, unique=True),
    data=st.data(),
)
def test_nothing_names_the_rack_any_more_and_the_leader_has_nothing_to_add(
    attached, away, off, data
):
    pairs = data.draw(st.dictionaries(st.sampled_from(sorted(attached)), roles))
    services = data.draw(st.dictionaries(st.sampled_from(sorted(attached)), roles))
    known = {rack for each in (*pairs.values(), *services.values()) for rack in each}
    fleet = dhcp_fleet(
        {**attached, 9: sorted(known | {1})}, away=away, pairs=pairs, services=services, off=[*off]
    )
    rack = rack_id(1)
    removal = removal_of(fleet, rack, [])
    assert set(removal.pairs) == {v for v, pair in fleet.pairs.items() if rack in pair.racks}
    for pair in removal.pairs.values():
        assert pair is None or rack not in pair.racks
    for vlan, service in removal.services.items():
        assert rack in fleet.services[vlan].racks
        assert service is None or rack not in service.racks
    left = evolve(
        fleet,
        racks={each: row for each, row in fleet.racks.items() if each != rack},
        links=[link for link in fleet.links if link.rack != rack],
        interfaces={each: row for each, row in fleet.interfaces.items() if each != rack},
        pairs={v: p for v, p in {**fleet.pairs, **removal.pairs}.items() if p is not None},
    )
    assert not set(decide_pairs(left, lost=()).pairs) & set(removal.pairs)


def test_m10_a_lost_rack_for_which_a_relayed_vlan_waits_goes_only_by_the_operators_word():
    served = serving(dhcp_fleet({1: [1], 2: [2, 3]}, services={1: (1,), 2: (2, 3)}), 1)
    links = [link for link in served.links if link.rack != rack_id(1)]
    waits = with_relays(evolve(served, services={}, links=links), {1: 2}, relayed={})
    removal = removed(waits)
    assert (objects(removal), objects(removal, gone=True)) == (["vlan:vlan1"], [])
    [hindrance] = removal.hindrances
    assert "may go on serving" in hindrance.why
