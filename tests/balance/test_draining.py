"""What a drain has to move away, what stays, and what it must not leave without anybody."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.draining import (
    drains_of,
    leaving_of,
    racks_to_wait_for,
    stays,
    still_to_move,
    would_have_nobody,
)
from evenrack.model.identifiers import VlanId
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import dhcp_fleet, draining, pair_of, rack_id, serving
from tests.strategies import fleet_of, fleets, rack_named, running

A, B, C = (running(name) for name in ("region1/1", "region1/2", "region2/1"))
RACKS = [rack_named(f"rack000{n}") for n in (1, 2)]
ONE, TWO = (rack.id for rack in RACKS)
ALL_LINKS = [(rack, process.id) for rack in (ONE, TWO) for process in (A, B, C)]


def managed_fleet(links=ALL_LINKS, **managing):
    return fleet_of([A, B, C], RACKS, links=links, managing=managing)


def whys(burdens):
    return [burden.why for burden in burdens]


def objects(burdens):
    return [burden.object for burden in burdens]


# What it is about


def test_a_region_host_is_all_its_processes():
    fleet = managed_fleet()
    assert leaving_of(fleet, "region", "region1") == {A.id, B.id}
    assert leaving_of(fleet, "process", B.id) == {B.id}
    assert leaving_of(fleet, "rack", ONE) == {ONE}


def test_a_process_drains_by_itself_or_with_its_host():
    fleet = draining(managed_fleet(), 1)
    region = evolve(fleet.drains[0], kind="region", id="region1")
    process = evolve(fleet.drains[0], kind="process", id=C.id)
    fleet = evolve(fleet, drains=(*fleet.drains, region, process))
    assert drains_of(fleet, "process", A.id) == [region]
    assert drains_of(fleet, "process", C.id) == [process]
    assert drains_of(fleet, "rack", ONE) == [fleet.drains[0]]
    assert drains_of(fleet, "region", "region2") == []
    assert fleet.draining == {ONE, A.id, B.id, C.id}


# What is to move


def test_racks_that_it_manages_are_to_move_where_another_process_is_connected():
    links = [(ONE, A.id), (TWO, A.id), (TWO, C.id)]
    fleet = managed_fleet(links, rack0001=A.id, rack0002=A.id)
    assert whys(still_to_move(fleet, {A.id})) == ["rack0002.example.com is managed by region1/1"]
    assert still_to_move(fleet, {C.id}) == []
    assert still_to_move(fleet, {A.id, C.id}) == []


def test_bmcs_that_it_owns_are_to_move_where_another_rack_reaches_them():
    fleet = bmc_fleet({1: [1, 2], 2: [1], 3: [1, 3]}, owners={1: 1, 2: 1, 3: 2}, away=[3])
    assert objects(still_to_move(fleet, {ONE})) == ["bmc:b1"]
    assert still_to_move(draining(fleet, 2), {ONE}) == []


def test_roles_are_to_move_until_no_other_rack_can_take_them_and_then_they_stay():
    fleet = dhcp_fleet({1: [1, 2]}, pairs={1: (1, 2)}, services={1: (1, 2)})
    assert whys(still_to_move(fleet, {ONE})) == ["rack1 is the primary of vlan1"]
    assert stays(fleet, {ONE}) == []
    swapped = evolve(fleet, pairs={VlanId(1): pair_of(2, 1)})
    assert still_to_move(swapped, {ONE}) == []
    assert whys(stays(swapped, {ONE})) == ["vlan1: no other rack can take the role of rack1"]
    third = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (2, 1)}, services={1: (1, 2)})
    assert whys(still_to_move(third, {ONE})) == ["rack1 is the secondary of vlan1"]
    moved = evolve(third, pairs={VlanId(1): pair_of(2, 3)})
    assert whys(still_to_move(moved, {ONE})) == ["rack1 still serves vlan1"]
    assert stays(moved, {ONE}) == []
    lost = dhcp_fleet({1: [2, 3]}, away=[1], pairs={1: (2, 3)}, services={1: (1, 2)})
    assert still_to_move(lost, {ONE}) == []
    assert whys(stays(lost, {ONE})) == ["vlan1: rack1 is not there, and may go on serving it"]
    gone = evolve(moved, services=third.services, pairs={})
    assert still_to_move(gone, {ONE}) == stays(gone, {ONE}) == []


# What must not be drained


def test_the_last_process_is_refused_and_so_is_the_last_that_does_not_drain():
    fleet = managed_fleet()
    assert would_have_nobody(fleet, {A.id}) == []
    assert objects(would_have_nobody(fleet, {A.id, B.id, C.id})) == [
        f"process:{process.id}" for process in (A, B, C)
    ]
    leaving = evolve(fleet, processes={**fleet.processes, C.id: evolve(C, leaving=True)})
    assert objects(would_have_nobody(leaving, {A.id, B.id})) == [
        "process:region1/1",
        "process:region1/2",
    ]
    assert would_have_nobody(leaving, {A.id}) == []


def test_a_process_that_a_rack_is_connected_to_only_is_refused():
    fleet = managed_fleet([(ONE, A.id), (TWO, A.id), (TWO, C.id)])
    assert whys(would_have_nobody(fleet, {A.id})) == [
        "rack0001.example.com is connected to region1/1 only"
    ]
    assert would_have_nobody(fleet, {C.id}) == []
    assert objects(would_have_nobody(fleet, {A.id, B.id})) == ["rack:rack0001"]


def test_the_only_rack_of_a_vlan_is_refused_unless_it_has_no_dhcp():
    fleet = dhcp_fleet({1: [1], 2: [1, 2], 3: [1]}, off=[3])
    assert objects(would_have_nobody(fleet, {ONE})) == ["vlan:vlan1"]
    assert would_have_nobody(fleet, {TWO}) == []
    assert objects(would_have_nobody(draining(fleet, 2), {ONE})) == ["vlan:vlan1", "vlan:vlan2"]
    away = dhcp_fleet({2: [1, 2]}, away=[2])
    assert objects(would_have_nobody(away, {ONE})) == ["vlan:vlan2"]


def test_the_only_rack_that_reaches_a_bmc_is_refused():
    fleet = bmc_fleet({1: [1, 2], 2: [1], 3: [1, 3]}, away=[3])
    assert objects(would_have_nobody(fleet, {ONE})) == ["bmc:b2", "bmc:b3"]
    assert would_have_nobody(fleet, {TWO}) == []


# A process that is being stopped


def test_a_process_that_is_stopped_waits_for_racks_that_another_can_manage():
    fleet = managed_fleet(rack0001=A.id, rack0002=B.id)
    assert objects(racks_to_wait_for(fleet, A.id)) == ["rack:rack0001"]
    assert racks_to_wait_for(fleet, C.id) == []
    alone = managed_fleet([(ONE, A.id)], rack0001=A.id)
    assert racks_to_wait_for(alone, A.id) == []


@given(fleets(all_running=True), st.data())
def test_every_rack_of_a_process_that_leaves_is_to_move_or_would_have_nobody(fleet, data):
    leaving = set(data.draw(st.lists(st.sampled_from(fleet.live)))) if fleet.live else set()
    if leaving == set(fleet.live):
        return
    to_move = objects(still_to_move(fleet, leaving))
    lonely = objects(would_have_nobody(fleet, leaving))
    for rack in fleet.racks:
        place = f"rack:{rack}"
        if fleet.manager_of(rack) in leaving:
            assert (place in to_move) != (place in lonely)
        else:
            assert place not in to_move


@given(
    st.dictionaries(st.integers(1, 4), st.sets(st.integers(1, 5), min_size=1), min_size=1),
    st.sets(st.integers(1, 5), min_size=1, max_size=3),
)
def test_what_is_to_move_is_what_the_leader_then_moves(attached, drained):
    """As soon as every pair is normal, as often as the leader looks."""
    fleet = dhcp_fleet({vlan: sorted(racks) for vlan, racks in attached.items()})
    leaving = {rack_id(n) for n in drained}
    for with_drains in (fleet, draining(fleet, *drained)):
        fleet = evolve(with_drains, pairs=fleet.pairs)
        for _ in range(4):
            decided = decide_pairs(fleet, lost=[])
            fleet = evolve(fleet, pairs={**fleet.pairs, **decided.pairs})
            roles = {v: tuple(int(r[-1]) for r in pair.racks) for v, pair in fleet.pairs.items()}
            services = dhcp_fleet(attached, services=roles).services
            fleet = evolve(fleet, services=services)
            fleet = serving(fleet, *sorted({rack for pair in roles.values() for rack in pair}))
    assert still_to_move(fleet, leaving) == []
    lonely = objects(would_have_nobody(fleet, leaving))
    for vlan, pair in fleet.pairs.items():
        if pair.primary in leaving:
            assert f"vlan:vlan{vlan}" in lonely
