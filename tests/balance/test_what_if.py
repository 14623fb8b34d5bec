"""A fleet without some of its parts is the fleet as it is read after they were lost."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.what_if import Parts, PartUnknown, find_parts, without
from tests.strategies import fleet_of, fleets, rack_named, running

A, B, C, OFF = (
    running(f"region{n}", s)
    for n, s in (("1/1", "running"), ("1/2", "running"), ("2/1", "running"), ("3/1", "off"))
)
ONE, TWO = rack_named("rack0001"), evolve(rack_named("rock0002"), hostname="rack")
FLEET = fleet_of(
    [A, B, C, OFF], [ONE, TWO], links=[(r.id, p.id) for r in (ONE, TWO) for p in (A, B, C)]
)


def reach(fleet):
    return {rack: list(reached) for rack, reached in fleet.reach.items()}


def test_a_rack_that_is_gone_has_no_link_and_nobody_else_loses_one():
    then = without(FLEET, find_parts(FLEET, ["rack:rack0001"]))
    assert reach(then) == {ONE.id: [], TWO.id: [A.id, B.id, C.id]}
    assert then.racks == FLEET.racks
    assert then.live == FLEET.live


def test_a_process_that_is_gone_is_dead_and_its_links_with_it():
    then = without(FLEET, find_parts(FLEET, ["process:region1/2"]))
    assert then.live == (A.id, C.id)
    assert then.processes[B.id].state == "dead"
    assert reach(then) == {ONE.id: [A.id, C.id], TWO.id: [A.id, C.id]}


def test_a_region_host_that_is_gone_is_all_its_processes():
    parts = find_parts(FLEET, ["region:region1", "rack:rack0001"])
    assert parts == Parts(racks=frozenset({ONE.id}), processes=frozenset({A.id, B.id}))
    assert without(FLEET, parts).live == (C.id,)


def test_without_nothing_it_is_the_same_fleet():
    assert without(FLEET, find_parts(FLEET, [])) == FLEET


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rack:rack0001", {ONE.id}),
        ("rack:rack0001.example.com", {ONE.id}),
        ("rack:roc", {TWO.id}),
        ("rack:rack", {TWO.id}),
        ("process:region3/1", {OFF.id}),
        ("process:region2", {C.id}),
        ("region:region2", {C.id}),
        ("region:region2.example.com", {C.id}),
    ],
)
def test_parts_are_found_by_id_by_name_and_by_the_start_of_an_id_in_this_order(name, found):
    parts = find_parts(FLEET, [name])
    assert parts.racks | parts.processes == found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("rack:x", 'no rack is called "x"; there are: rack, rack0001.example.com'),
        ("rack:", 'no rack is called ""; there are: rack, rack0001.example.com'),
        ("rack:r", '"r" is the start of the id of several: rack0001, rock0002'),
        ("process:region1", '"region1" is the start of the id of several: region1/1, region1/2'),
        ("region:9", 'no region is called "9"; there are: region1.example.com, region2.ex'),
        ("vlan:1", '"vlan:1" names no part of the fleet; a part is one of rack:NAME, process:'),
        ("", '"" names no part of the fleet; a part is one of rack:NAME, process:NAME'),
    ],
)
def test_what_is_no_part_is_refused_and_it_is_said_what_there_is(name, told):
    with pytest.raises(PartUnknown) as refused:
        find_parts(FLEET, ["rack:rack0001", name])
    assert told in str(refused.value)


def test_a_name_that_two_racks_have_is_refused_and_only_a_few_names_are_listed():
    twins = fleet_of([A], [evolve(rack_named(f"rack00{n:02}"), hostname="r") for n in range(12)])
    with pytest.raises(PartUnknown, match=r'"r" is the name of several: rack0000, .* and 2 more'):
        find_parts(twins, ["rack:r"])


@given(fleets(), st.data())
def test_nothing_is_linked_to_what_is_gone_and_all_else_is_as_before(fleet, data):
    def some(known):
        return frozenset(data.draw(st.sets(st.sampled_from([*known])))) if known else frozenset()

    gone = Parts(racks=some(fleet.racks), processes=some(fleet.processes))
    then = without(fleet, gone)
    assert set(then.live) == set(fleet.live) - gone.processes
    for rack, reached in fleet.reach.items():
        left = [] if rack in gone.racks else [p for p in reached if p not in gone.processes]
        assert list(then.reach[rack]) == left
    same = ("racks", "managing", "bmcs", "vlans", "pairs", "services", "leadership", "regions")
    assert all(getattr(then, name) == getattr(fleet, name) for name in same)
