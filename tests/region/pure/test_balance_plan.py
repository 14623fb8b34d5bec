"""A plan says what would move, with the decisions of the leader, and what would have nobody."""

import json
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.managing import decide_managing
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.what_if import PartUnknown, find_parts, without
from evenrack.model.intents import Breaker, Hold
from evenrack.region.leading.balance_plan import PlanPolicies, balance_plan
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import dhcp_fleet, serving
from tests.strategies import fleet_of, fleets, rack_named, running

POLICIES = PlanPolicies(managing=SpreadPolicy(), bmc=SpreadPolicy())
HOLD = Hold(reason="core", who="anna", since=datetime(2026, 5, 4, tzinfo=UTC), until=None)
A, B, C = (running(name) for name in ("region1/1", "region1/2", "region2/1"))
RACKS = [rack_named(f"rack000{n}") for n in range(1, 7)]


def plan(fleet, *names):
    return balance_plan(fleet, names, POLICIES)


def managed_by(*managers, links=None):
    managing = {rack.id: p.id for rack, p in zip(RACKS, managers, strict=False)}
    racks = RACKS[: len(managers)]
    links = [(rack.id, p.id) for rack in racks for p in (A, B, C)] if links is None else links
    return fleet_of([A, B, C], racks, links=links, managing=managing)


EVEN = managed_by(A, A, B, B, C, C)
UNEVEN = managed_by(A, A, A, B, C)


def test_an_even_fleet_moves_nothing_and_nobody_is_alone():
    assert plan(EVEN) == {"moves": [], "nobody": [], "held": False}


def test_what_is_uneven_would_move_with_the_keys_of_the_history():
    (move,) = plan(UNEVEN)["moves"]
    assert move == {
        "what": "managing",
        "item": move["item"],
        "name": f"{move['item']}.example.com",
        "from": "region1/1",
        "to": move["to"],
        "forced": False,
        "reason": f"region1/1 manages 3 racks, {move['to']} manages 1 rack",
    }


def test_the_racks_of_a_process_that_would_be_gone_are_others_and_why():
    moves = plan(EVEN, "process:region1/1")["moves"]
    assert {(m["item"], m["from"], m["forced"], m["reason"]) for m in moves} == {
        (rack, "region1/1", True, "region1/1 is gone") for rack in ("rack0001", "rack0002")
    }
    assert {m["to"] for m in moves} == {"region1/2", "region2/1"}


def test_the_loss_of_a_region_host_is_that_of_its_processes():
    moves = plan(EVEN, "region:region1")["moves"]
    assert {m["item"]: m["to"] for m in moves} == {rack.id: "region2/1" for rack in RACKS[:4]}


def test_a_held_balance_makes_only_forced_moves_and_says_so():
    for held in (
        evolve(UNEVEN, hold=HOLD),
        evolve(UNEVEN, breaker=Breaker(why="x", racks=frozenset())),
    ):
        assert plan(held) == {"moves": [], "nobody": [], "held": True}
        found = plan(held, "process:region1/2")
        assert ([m["item"] for m in found["moves"]], found["held"]) == (["rack0004"], True)


def test_racks_that_only_the_lost_process_reaches_would_have_nobody_but_not_the_lost_rack():
    links = [(RACKS[0].id, A.id), (RACKS[1].id, A.id), (RACKS[1].id, C.id)]
    fleet = managed_by(A, A, links=links)
    assert plan(fleet, "process:region1/1")["nobody"] == [
        {
            "object": "rack:rack0001",
            "why": "rack0001.example.com is connected to region1/1 only",
        }
    ]
    assert plan(fleet, "process:region1/1", "rack:rack0001")["nobody"] == []


def test_a_rack_that_is_lost_has_nobody_and_one_that_was_stopped_is_not_told():
    fleet = fleet_of([A], [RACKS[0], evolve(RACKS[1], stopped=True)])
    assert plan(fleet)["nobody"] == [
        {"object": "rack:rack0001", "why": "rack0001.example.com is connected to no process"}
    ]


def test_the_bmcs_of_a_rack_that_would_be_gone_are_others_or_nobody_s():
    fleet = evolve(bmc_fleet({1: [1, 2], 2: [1]}, owners={1: 1, 2: 1}, racks=2), vlans={})
    found = plan(fleet, "rack:rack1")
    assert found["moves"] == [
        {
            "what": "bmc",
            "item": "1",
            "name": "b1",
            "from": "rack1",
            "to": "rack2",
            "forced": True,
            "reason": "rack1 is gone",
        }
    ]
    assert found["nobody"] == [{"object": "bmc:b2", "why": "b2: no connected rack reaches it"}]


def test_the_dhcp_roles_of_a_rack_that_would_be_gone_are_others():
    fleet = serving(dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}, services={1: (1, 2)}), 1, 2)
    found = plan(fleet, "rack:rack1")
    assert [(m["what"], m["name"], m["from"], m["to"]) for m in found["moves"]] == [
        ("dhcp primary", "vlan1", "rack1", "rack2"),
        ("dhcp secondary", "vlan1", "rack2", "rack3"),
    ]
    assert found["nobody"] == []


@pytest.mark.parametrize(
    ("attached", "gone", "why"),
    [
        ([1, 2], ["rack:rack1", "rack:rack2"], "no connected rack is on it"),
        (
            [1, 2, 3],
            ["rack:rack1", "rack:rack2"],
            "its leases are on rack1 and rack2 only, so no other rack succeeds",
        ),
    ],
)
def test_a_vlan_that_no_rack_could_serve_would_have_nobody(attached, gone, why):
    fleet = dhcp_fleet({1: attached}, pairs={1: (1, 2)}, services={1: (1, 2)})
    assert plan(fleet, *gone)["nobody"] == [{"object": "vlan:vlan1", "why": f"vlan1: {why}"}]
    off = dhcp_fleet({1: attached}, off=[1])
    assert plan(off, *gone)["nobody"] == []


def test_while_the_circuit_breaker_holds_no_role_moves():
    fleet = dhcp_fleet({1: [1, 2, 3], 2: [1]}, pairs={1: (1, 2)})
    fleet = evolve(fleet, breaker=Breaker(why="x", racks=frozenset()))
    found = plan(fleet, "rack:rack2")
    assert found["moves"] == []
    why = "vlan2: the circuit breaker holds, so no rack is designated"
    assert found["nobody"] == [{"object": "vlan:vlan2", "why": why}]


def test_without_any_process_racks_have_nobody_and_what_they_serve_they_go_on_serving():
    fleet = evolve(bmc_fleet({1: [1]}), pairs={})
    found = plan(fleet, "region:region1")
    assert (found["moves"], [each["object"] for each in found["nobody"]]) == (
        [],
        ["rack:rack0001"],
    )


def test_a_part_that_does_not_exist_is_refused():
    with pytest.raises(PartUnknown, match='no rack is called "rack9"'):
        plan(EVEN, "rack:rack9")


@given(fleets(), st.data())
def test_the_moves_are_those_that_the_leader_makes_after_the_loss_and_only_json(fleet, data):
    parts = [f"rack:{rack}" for rack in fleet.racks] + [f"process:{p}" for p in fleet.processes]
    names = data.draw(st.lists(st.sampled_from(parts), max_size=3)) if parts else []
    found = plan(fleet, *names)
    assert json.loads(json.dumps(found)) == found
    then = without(fleet, find_parts(fleet, names))
    decided = decide_managing(then, POLICIES.managing, waiting=(), voluntary=True)
    assert [(m["item"], m["to"]) for m in found["moves"]] == [(m.item, m.to) for m in decided]
    alone = {row["object"].removeprefix("rack:") for row in found["nobody"]}
    gone = {name.removeprefix("rack:") for name in names}
    assert alone == {
        rack.id
        for rack in fleet.racks.values()
        if not (then.reach[rack.id] or rack.stopped or rack.id in gone)
    }
