"""What the leader tells of its decisions about DHCP: one event for each, with the reason."""

import json

import pytest
from attrs import evolve

from evenrack.balance.circuit_breaker import BreakerChange
from evenrack.balance.dhcp_pairs import PairMove
from evenrack.balance.spread_values import Move
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, VlanId
from evenrack.model.intents import Breaker
from evenrack.region.database.process_store import Incarnation
from evenrack.region.leading import decision_events as told
from evenrack.region.troubles.trouble import Trouble
from tests.dhcp_fleet import PROCESS, dhcp_fleet, rack_id, service_of, with_relays

FLEET = dhcp_fleet({1: (1, 2)})
WITHOUT_DHCP = dhcp_fleet({1: (1, 2)}, off=(1,))
VLAN = VlanId(1)


def texts(*events):
    """Give their texts; each has data that JSON can hold."""
    for event in events:
        json.dumps(event.data)
    return [event.text for event in events]


def move(role, before, to, reason="it is said why"):
    return PairMove(vlan=VLAN, role=role, before=before, to=to, reason=reason)


def test_a_designation_is_told_by_names_with_its_reason():
    event = told.designated(FLEET, move("primary", rack_id(1), rack_id(2)))
    assert (event.kind, event.object) == ("move", "vlan:vlan1")
    assert event.text == "vlan1: rack2 is designated primary instead of rack1: it is said why"
    assert event.data == {
        "what": "dhcp primary",
        "item": "1",
        "name": "vlan1",
        "from": "rack1",
        "to": "rack2",
        "forced": True,
        "reason": "it is said why",
    }


@pytest.mark.parametrize(
    ("before", "to", "text"),
    [
        (None, rack_id(2), "vlan1: rack2 is designated secondary: it is said why"),
        (
            rack_id(2),
            None,
            "vlan1: nobody is designated secondary instead of rack2: it is said why",
        ),
    ],
)
def test_the_first_designation_and_the_end_of_one_are_told_so(before, to, text):
    assert texts(told.designated(FLEET, move("secondary", before, to))) == [text]


@pytest.mark.parametrize(
    ("service", "text", "racks"),
    [
        (service_of(1, 1), "vlan1 is served by rack1 alone", [rack_id(1)]),
        (
            service_of(1, 2, 1),
            "vlan1 is served by a pair: rack2 is primary, rack1 secondary",
            [rack_id(2), rack_id(1)],
        ),
        (
            evolve(service_of(1, 2, 1), leaving=rack_id(1)),
            "vlan1: rack1 is to stop serving it; until it has stopped nothing changes for the "
            "other one",
            [rack_id(2), rack_id(1)],
        ),
        (None, "vlan1 is served by nobody any more: no rack has an address on it", []),
    ],
)
def test_who_has_a_vlan_in_its_file_is_told(service, text, racks):
    event = told.serves(FLEET, VLAN, service)
    assert (event.kind, event.object, event.text) == ("dhcp", "vlan:vlan1", text)
    assert event.data == {"racks": racks}


def test_a_vlan_whose_dhcp_was_switched_off_or_that_is_gone_has_no_dhcp():
    assert texts(told.serves(WITHOUT_DHCP, VLAN, None), told.serves(FLEET, VlanId(9), None)) == [
        "vlan1 is served by nobody any more: it has no DHCP",
        "VLAN 9 is served by nobody any more: it has no DHCP",
    ]


def test_a_turn_is_told_with_how_many_others_have_theirs():
    assert texts(*(told.has_turn(FLEET, rack_id(1), together) for together in (1, 2, 3))) == [
        "rack1 has its turn to restart its DHCP server",
        "rack1 has its turn to restart its DHCP server, together with 1 other",
        "rack1 has its turn to restart its DHCP server, together with 2 others",
    ]
    assert told.has_turn(FLEET, rack_id(1), 1).object == "rack:rack0001"


def test_a_turn_that_was_not_used_is_told():
    event = told.lost_turn(FLEET, rack_id(1))
    assert (event.kind, event.object) == ("dhcp", "rack:rack0001")
    assert event.text == "rack1 did not restart its DHCP server in its turn"


def test_what_is_not_known_any_more_is_named_by_its_id():
    empty = evolve(FLEET, racks={}, vlans={}, links=())
    assert texts(
        told.designated(empty, move("primary", None, rack_id(1))),
        told.serves(empty, VLAN, service_of(1, 1)),
        told.lost_turn(empty, rack_id(1)),
    ) == [
        "VLAN 1: rack0001 is designated primary: it is said why",
        "VLAN 1 is served by rack0001 alone",
        "rack0001 did not restart its DHCP server in its turn",
    ]


def test_decisions_about_processes_and_the_database_are_told():
    number = FleetNumber(1, 6)
    died = told.died(Incarnation(process=ProcessId("region1/1"), incarnation=3))
    assert texts(
        told.went_back(FleetNumber(1, 9), number),
        told.another_database(FleetNumber(2, 0)),
        told.leads("region1/1", 4),
        died,
    ) == [
        "the database went back: a rack follows plan 1.9; numbers go on at 1.6",
        "another database or timeline answers: era 2 begins",
        "region1/1 leads in epoch 4",
        "region1/1 is dead: its beat stands still",
    ]
    assert died.data == {"incarnation": 3}


def test_decisions_about_racks_are_told():
    first = Move(item=rack_id(1), before=None, to=PROCESS, forced=True, reason="why")
    later = evolve(first, before="region2/1")
    assert texts(
        told.moved(FLEET, first), told.moved(FLEET, later), told.checked(FLEET, rack_id(1))
    ) == [
        "rack1 is managed by region1/1: why",
        "rack1 is managed by region1/1 instead of region2/1: why",
        "rack1 connected: balance checked, region1/1 goes on managing it",
    ]


def test_a_problem_is_told_when_it_begins_and_when_it_is_over():
    lost = Trouble(code="RackLost", object="rack:rack0001", affects="rack1")
    unserved = Trouble(code="VlanUnserved", object="vlan:vlan1", affects="vlan1: nobody")
    events = [
        told.opened(lost),
        told.closed(FLEET, "RackLost", "rack:rack0001"),
        told.opened(unserved),
        told.closed(FLEET, "VlanUnserved", "vlan:vlan1"),
    ]
    assert [(event.kind, event.text) for event in events] == [
        ("loss", "RackLost: rack1"),
        ("join", "RackLost is over: rack1"),
        ("problem", "VlanUnserved: vlan1: nobody"),
        ("problem", "VlanUnserved is over: vlan:vlan1"),
    ]


def test_the_circuit_breaker_is_told_when_it_trips_and_when_it_ends_only():
    tripped = Breaker(why="3 of 4 racks were lost")
    (event,) = told.breaker_changed(BreakerChange(now=tripped, trips=True))
    assert event.object == "balance"
    assert event.text.endswith("only forced moves go on: 3 of 4 racks were lost")
    (event,) = told.breaker_changed(BreakerChange(now=None))
    assert event.data == {"state": "over"}
    assert told.breaker_changed(BreakerChange(now=tripped)) == []
    assert told.breaker_changed(None) == []


def test_where_a_relayed_vlan_stands_is_told():
    fleet = with_relays(dhcp_fleet({1: (1, 2), 2: (3,)}), {2: 1})
    far = VlanId(2)
    assert texts(
        told.serves(fleet, far, None),
        told.relayed(fleet, far, VLAN),
        told.relayed(fleet, far, None),
    ) == [
        "vlan2 is served by nobody any more: vlan1 relays it",
        "vlan2 is to be served by the racks of vlan1, which relays it",
        "vlan2 is no longer to be served by the racks of another VLAN",
    ]
