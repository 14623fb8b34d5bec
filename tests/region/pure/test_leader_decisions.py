"""What the leader makes of a fleet, and what its events say: no database."""

import pytest
from attrs import evolve
from hypothesis import given

from evenrack.balance.spread_values import Move
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.leading.decision_events import closed, moved, opened, went_back
from evenrack.region.leading.leader import _ahead_of_their_number
from evenrack.region.troubles.trouble import Trouble
from evenrack.region.troubles.troubles import find_troubles
from tests.strategies import fleet_of, fleets, rack_named, running

ONE, TWO = running("region1/1"), running("region1/2")
RACK = rack_named("rack0001")
LINKS = [(RACK.id, ONE.id), (RACK.id, TWO.id)]


def fleet(rack=RACK, links=LINKS, managing=None):
    managing = {rack.id: ONE.id} if managing is None else managing
    return fleet_of([ONE, TWO], [rack], links=links, managing=managing)


def test_a_rack_that_follows_a_newer_plan_than_the_tables_know_gets_a_new_number():
    assert _ahead_of_their_number(fleet(evolve(RACK, holds=FleetNumber(3, 8)))) == [RACK.id]
    assert _ahead_of_their_number(fleet(evolve(RACK, holds=FleetNumber(4, 0)))) == [RACK.id]


@pytest.mark.parametrize("number", [FleetNumber(3, 7), FleetNumber(3, 6), FleetNumber(2, 99)])
def test_a_rack_that_follows_its_plan_or_an_older_one_needs_no_new_number(number):
    assert _ahead_of_their_number(fleet(evolve(RACK, holds=number))) == []


def test_a_rack_that_claims_an_absurd_number_is_not_believed():
    absurd = evolve(RACK, holds=FleetNumber(3, 999_999_999_999_999))
    assert _ahead_of_their_number(fleet(absurd)) == []
    assert _ahead_of_their_number(fleet(evolve(RACK, holds=FleetNumber(99_999, 1)))) == []


def test_a_rack_that_is_not_connected_or_never_had_a_manager_is_left_alone():
    ahead = evolve(RACK, holds=FleetNumber(9, 9))
    assert _ahead_of_their_number(fleet(ahead, links=[])) == []
    assert _ahead_of_their_number(fleet(ahead, managing={})) == []


def test_the_event_of_a_first_move_names_the_rack_and_why():
    move = Move(item=RACK.id, before=None, to=ONE.id, forced=True, reason="it has no owner yet")
    event = moved(fleet(), move)
    assert (event.kind, event.object) == ("move", "rack:rack0001")
    assert event.text == "rack0001.example.com is managed by region1/1: it has no owner yet"
    assert event.data == {
        "what": "managing",
        "item": "rack0001",
        "name": "rack0001.example.com",
        "from": None,
        "to": "region1/1",
        "forced": True,
        "reason": "it has no owner yet",
    }


def test_the_event_of_a_later_move_names_both_processes():
    move = Move(item=RACK.id, before=ONE.id, to=TWO.id, forced=False, reason="3 against 1")
    text = moved(fleet(), move).text
    assert text == "rack0001.example.com is managed by region1/2 instead of region1/1: 3 against 1"


def test_a_lost_rack_is_a_loss_and_its_return_a_join():
    lost = Trouble(code="RackLost", object="rack:rack0001", affects="rack0001.example.com")
    assert (opened(lost).kind, opened(lost).object) == ("loss", "rack:rack0001")
    over = closed(fleet(), "RackLost", "rack:rack0001")
    assert (over.kind, over.text) == ("join", "RackLost is over: rack0001.example.com")


def test_any_other_problem_is_a_problem_when_it_opens_and_when_it_closes():
    trouble = Trouble(code="RackUnmanaged", object="rack:rack0001", affects="rack0001")
    assert (opened(trouble).kind, opened(trouble).data["state"]) == ("problem", "open")
    over = closed(fleet(), "RackUnmanaged", "rack:rack0001")
    assert (over.kind, over.data["state"]) == ("problem", "over")


@pytest.mark.parametrize("where", ["leader", "process:region1/1", "rack:gone9999", "database"])
def test_the_end_of_a_problem_of_anything_else_names_that(where):
    assert closed(fleet(), "NoLeader", where).text == f"NoLeader is over: {where}"


def test_a_database_that_went_back_is_told_with_both_numbers():
    text = went_back(FleetNumber(3, 9), FleetNumber(3, 10)).text
    assert "3.9" in text
    assert text.endswith("go on at 3.10")


@given(fleets())
def test_every_trouble_of_any_fleet_can_be_told_when_it_opens_and_when_it_ends(fleet):
    for trouble in find_troubles(fleet):
        for event in (opened(trouble), closed(fleet, trouble.code, trouble.object)):
            assert event.object == trouble.object
            assert event.text.startswith(trouble.code)
