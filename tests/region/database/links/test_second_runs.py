"""Of two runs of one rack, the tables take one at a time, and name the copy."""

import threading

import pytest
from attrs import evolve

from evenrack.region.database.connection_store import (
    LinkFact,
    record_clone,
    record_links,
    record_lost_links,
)
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.process_store import mark_dead
from tests.region.database.sessions import ADDRESS, OTHER_ADDRESS, facts, recorded

pytestmark = pytest.mark.postgres

RACK = "rack0001"


def runs_with_links(sessions, rack=RACK):
    rows = sessions.rows("SELECT DISTINCT run FROM connection WHERE rack_id = :rack", rack=rack)
    return {run for (run,) in rows}


def test_m8_a_second_run_of_a_connected_rack_is_not_recorded_and_the_first_is_named(
    sessions, me, other
):
    recorded(sessions, me, facts(RACK, "a", run="original"))
    answer = recorded(
        sessions, other, facts(RACK, "b", run="copy", address=OTHER_ADDRESS, hostname="copy")
    )
    assert answer.holders == {RACK: ("original", ADDRESS)}
    assert runs_with_links(sessions) == {"original"}
    assert sessions.rows("SELECT hostname, run, address FROM rack") == [
        ("rack1", "original", ADDRESS)
    ]


def test_m8_the_second_run_is_let_in_once_the_first_has_no_link_left(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a", run="original"))
    recorded(sessions, me, facts(RACK))
    answer = recorded(sessions, other, facts(RACK, "b", run="reborn"))
    assert answer.holders == {RACK: ("reborn", ADDRESS)}
    assert runs_with_links(sessions) == {"reborn"}
    assert sessions.value("SELECT run FROM rack") == "reborn"


def test_m8_links_of_a_dead_process_keep_nobody_out(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a", run="original"))
    sessions.run(lambda c: mark_dead(c, [(me, 0)]))
    assert recorded(sessions, other, facts(RACK, "b", run="reborn")).holders == {
        RACK: ("reborn", ADDRESS)
    }


def test_m8_links_that_the_rack_said_are_gone_keep_nobody_out(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a", run="original"))
    sessions.run(lambda c: record_lost_links(c, [(RACK, "a")]))
    assert recorded(sessions, other, facts(RACK, "b", run="reborn")).holders == {
        RACK: ("reborn", ADDRESS)
    }


def test_m8_two_runs_that_greet_the_same_process_in_one_batch_are_not_both_recorded(sessions, me):
    original, copy = facts(RACK, "a", run="original"), facts(RACK, "b", run="copy")
    both = evolve(copy, links=original.links + copy.links)
    recorded(sessions, me, both)
    assert len(runs_with_links(sessions)) == 1


def test_m8_a_waiting_copy_is_not_recorded_when_the_original_greets_again(sessions, me):
    recorded(sessions, me, facts(RACK, "a", run="original"))
    original = facts(RACK, "a", "c", run="original")
    copy = LinkFact(link="b", run="copy", address=OTHER_ADDRESS)
    recorded(sessions, me, evolve(original, links=(original.links[0], copy, original.links[1])))
    assert runs_with_links(sessions) == {"original"}


@pytest.mark.parametrize("known", [False, True])
def test_m8_of_two_processes_that_are_greeted_at_once_the_second_waits_and_sees_the_first(
    sessions, me, other, known
):
    if known:
        recorded(sessions, me, facts(RACK, "earlier", run="earlier"))
        recorded(sessions, me, facts(RACK))
    with sessions.open_transaction() as first:
        record_links(first, me, [facts(RACK, "a", run="original")])
        second = sessions.start(
            lambda: recorded(sessions, other, facts(RACK, "b", run="copy", address=OTHER_ADDRESS))
        )
        sessions.wait_until_blocked()
        first.commit()
        assert second.result(5).holders == {RACK: ("original", ADDRESS)}
    assert runs_with_links(sessions) == {"original"}


@pytest.mark.parametrize("known", [False, True])
def test_m8_two_runs_greeting_two_processes_at_the_same_moment_are_never_both_recorded(
    sessions, me, other, known
):
    racks = [f"rack{n:04}" for n in range(40)]
    if known:
        recorded(sessions, me, *(facts(rack, f"{rack} earlier", run="earlier") for rack in racks))
        recorded(sessions, me, *(facts(rack) for rack in racks))
    together = threading.Barrier(2)

    def greet(process, run):
        answers = []
        for rack in racks:
            together.wait(10)
            answers.append(recorded(sessions, process, facts(rack, f"{rack} {run}", run=run)))
        return answers

    both = [
        sessions.start(lambda: greet(me, "original")),
        sessions.start(lambda: greet(other, "copy")),
    ]
    answers = list(zip(*(side.result(30) for side in both), strict=True))
    for rack, pair in zip(racks, answers, strict=True):
        (run,) = runs_with_links(sessions, rack)
        assert [answer.holders[rack][0] for answer in pair] == [run, run]


def clone_events(sessions):
    events = sessions.run(lambda c: read_events(c, after=0, limit=100))
    return [event for event in events if event["kind"] == "refused"]


def test_m8_a_copy_that_comes_back_all_the_time_is_one_event_and_one_problem(sessions, me):
    recorded(sessions, me, facts(RACK, "a"))
    for _ in range(5):
        sessions.run(lambda c: record_clone(c, RACK, OTHER_ADDRESS, "two of them"))
    assert [event["text"] for event in clone_events(sessions)] == ["two of them"]
    assert sessions.run(read_fleet).racks[RACK].clone_address == OTHER_ADDRESS


def test_m8_a_copy_refused_by_several_processes_at_once_is_one_event(sessions, me):
    recorded(sessions, me, facts(RACK, "a"))
    with sessions.open_transaction() as first:
        record_clone(first, RACK, OTHER_ADDRESS, "two of them")
        second = sessions.start(
            lambda: sessions.run(lambda c: record_clone(c, RACK, OTHER_ADDRESS, "two of them"))
        )
        sessions.wait_until_blocked()
        first.commit()
        second.result(5)
    assert len(clone_events(sessions)) == 1


def test_m8_a_copy_that_has_stayed_away_for_a_minute_is_a_problem_no_more(sessions, me):
    recorded(sessions, me, facts(RACK, "a"))
    sessions.run(lambda c: record_clone(c, RACK, OTHER_ADDRESS, "two of them"))
    sessions.change("UPDATE rack SET clone_at = clone_at - interval '61 s'")
    assert sessions.run(read_fleet).racks[RACK].clone_address is None
    sessions.run(lambda c: record_clone(c, RACK, OTHER_ADDRESS, "again"))
    assert [event["text"] for event in clone_events(sessions)] == ["two of them", "again"]
