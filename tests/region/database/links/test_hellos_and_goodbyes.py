"""What racks say when they come and go, and which plan they hold: the newest word counts."""

import pytest

from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.region.database.connection_store import (
    HeldPlan,
    record_goodbye,
    record_held_plans,
    record_links,
)
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from tests.region.database.sessions import ADDRESS, facts, recorded

pytestmark = pytest.mark.postgres

RACK = "rack0001"


def test_the_first_hello_of_a_rack_is_an_event_and_later_ones_are_not(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a"))
    recorded(sessions, other, facts(RACK, "b"))
    recorded(sessions, me, facts(RACK))
    recorded(sessions, me, facts(RACK, "c"))
    events = sessions.run(lambda c: read_events(c, after=0, limit=100))
    about_rack = [event for event in events if event["object"] == f"rack:{RACK}"]
    assert [event["kind"] for event in about_rack] == ["join"]
    assert "rack1" in about_rack[0]["text"]
    assert ADDRESS in about_rack[0]["text"]


@pytest.mark.parametrize("fresh", [True, False])
def test_the_word_of_a_new_run_on_its_plan_replaces_what_the_tables_know(sessions, me, fresh):
    """Also when it was said while the database was away, and is written later."""
    recorded(sessions, me, facts(RACK, "a", holds=FleetNumber(3, 7), holds_fingerprint="seven"))
    recorded(sessions, me, facts(RACK))
    lost = {"run": "run-b", "fresh": fresh, "holds": FleetNumber(3, 2), "holds_fingerprint": "two"}
    recorded(sessions, me, facts(RACK, "b", **lost))
    rack = sessions.run(read_fleet).racks[RACK]
    assert (rack.holds, rack.holds_fingerprint) == (FleetNumber(3, 2), "two")


def test_a_hello_that_is_written_late_takes_no_newer_plan_from_its_rack(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a", holds=FleetNumber(1, 64), holds_fingerprint="old"))
    held(sessions, FleetNumber(1, 66), "new")
    said_before = {"holds": FleetNumber(1, 64), "holds_fingerprint": "old"}
    recorded(sessions, other, facts(RACK, "b", **said_before))
    rack = sessions.run(read_fleet).racks[RACK]
    assert (rack.holds, rack.holds_fingerprint) == (FleetNumber(1, 66), "new")


def test_a_hello_tells_of_another_plan_under_the_same_number(sessions, me):
    recorded(sessions, me, facts(RACK, "a", holds=FleetNumber(1, 7), holds_fingerprint="one"))
    recorded(sessions, me, facts(RACK, "b", holds=FleetNumber(1, 7), holds_fingerprint="other"))
    assert sessions.run(read_fleet).racks[RACK].holds_fingerprint == "other"


def test_an_answer_that_is_written_late_takes_no_newer_plan_from_its_rack(sessions, me):
    recorded(sessions, me, facts(RACK, "a"))
    held(sessions, FleetNumber(1, 9), "nine")
    held(sessions, FleetNumber(1, 8), "eight")
    rack = sessions.run(read_fleet).racks[RACK]
    assert (rack.holds, rack.holds_fingerprint) == (FleetNumber(1, 9), "nine")


def held(sessions, number, fingerprint):
    plan = HeldPlan(rack=RACK, number=number, fingerprint=fingerprint)
    sessions.run(lambda c: record_held_plans(c, [plan]))


def test_what_a_process_remembers_of_a_plan_never_replaces_newer_knowledge(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a", holds=FleetNumber(1, 5), holds_fingerprint="five"))
    sessions.run(
        lambda c: record_held_plans(
            c, [HeldPlan(rack=RACK, number=FleetNumber(1, 9), fingerprint="nine")]
        )
    )
    remembered = facts(RACK, "b", fresh=False, holds=FleetNumber(1, 5), holds_fingerprint="five")
    recorded(sessions, other, remembered)
    rack = sessions.run(read_fleet).racks[RACK]
    assert (rack.holds, rack.holds_fingerprint) == (FleetNumber(1, 9), "nine")


def test_a_goodbye_is_noted_for_the_run_that_said_it_only(sessions, me):
    recorded(sessions, me, facts(RACK, "a", run="now"))
    sessions.run(lambda c: record_goodbye(c, RACK, "before"))
    assert sessions.run(read_fleet).racks[RACK].stopped is False
    sessions.run(lambda c: record_goodbye(c, RACK, "now"))
    assert sessions.run(read_fleet).racks[RACK].stopped is True


def test_a_rack_that_said_goodbye_stays_stopped_while_its_last_links_close(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a", "b"))
    recorded(sessions, other, facts(RACK, "c"))
    sessions.run(lambda c: record_goodbye(c, RACK, "run-a"))
    recorded(sessions, me, facts(RACK, "b", fresh=False))
    recorded(sessions, me, facts(RACK))
    assert sessions.run(read_fleet).racks[RACK].stopped is True


def test_a_rack_that_was_stopped_and_comes_back_is_stopped_no_more(sessions, me):
    recorded(sessions, me, facts(RACK, "a", run="before"))
    sessions.run(lambda c: record_goodbye(c, RACK, "before"))
    recorded(sessions, me, facts(RACK))
    recorded(sessions, me, facts(RACK, "b", run="after"))
    assert sessions.run(read_fleet).racks[RACK].stopped is False


def test_of_many_plans_at_once_each_rack_s_last_word_is_noted(sessions, me):
    sessions.run(lambda c: record_links(c, me, [facts(RACK, "a"), facts("rack0002", "b")]))
    said = [
        HeldPlan(rack=RACK, number=FleetNumber(2, 11), fingerprint="eleven"),
        HeldPlan(rack="rack0009", number=FleetNumber(2, 11), fingerprint="unknown"),
        HeldPlan(rack="rack0002", number=FleetNumber(2, 12), fingerprint="twelve"),
        HeldPlan(rack=RACK, number=FleetNumber(2, 13), fingerprint="thirteen"),
    ]
    sessions.run(lambda c: record_held_plans(c, said))
    racks = sessions.run(read_fleet).racks
    assert {r.id: (r.holds, r.holds_fingerprint) for r in racks.values()} == {
        RACK: (FleetNumber(2, 13), "thirteen"),
        "rack0002": (FleetNumber(2, 12), "twelve"),
    }


def test_the_plan_that_a_rack_says_it_follows_is_noted(sessions, me):
    recorded(sessions, me, facts(RACK, "a"))
    assert sessions.run(read_fleet).racks[RACK].holds == BEFORE_ALL
    sessions.run(
        lambda c: record_held_plans(
            c, [HeldPlan(rack=RACK, number=FleetNumber(2, 11), fingerprint="eleven")]
        )
    )
    rack = sessions.run(read_fleet).racks[RACK]
    assert (rack.holds, rack.holds_fingerprint) == (FleetNumber(2, 11), "eleven")
