"""Links in the tables: only what both ends hold, and one run of a rack at a time."""

import threading

import pytest
from attrs import evolve

from evenrack.errors import DeclaredDead
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.region.database.connection_store import (
    HeldPlan,
    LinkFact,
    record_clone,
    record_goodbye,
    record_held_plans,
    record_links,
    record_lost_links,
)
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.process_store import mark_dead
from tests.region.database.sessions import (
    ADDRESS,
    OTHER_ADDRESS,
    facts,
    joined,
    recorded,
)

pytestmark = pytest.mark.postgres

RACK = "rack0001"


@pytest.fixture
def me(sessions):
    return joined(sessions, "region1/1")


@pytest.fixture
def other(sessions):
    return joined(sessions, "region2/1")


def links(sessions):
    return {(link.id, link.rack, link.process) for link in sessions.run(read_fleet).links}


def runs_with_links(sessions, rack=RACK):
    rows = sessions.rows("SELECT DISTINCT run FROM connection WHERE rack_id = :rack", rack=rack)
    return {run for (run,) in rows}


def test_p24_links_written_by_one_process_are_seen_by_every_other(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a"), facts("rack0002", "b"))
    recorded(sessions, other, facts(RACK, "c"))
    assert links(sessions) == {
        ("a", RACK, me.process),
        ("b", "rack0002", me.process),
        ("c", RACK, other.process),
    }


def test_recording_the_same_links_again_changes_nothing(sessions, me):
    recorded(sessions, me, facts(RACK, "a", "b"))
    before = sessions.rows("SELECT ctid, link FROM connection ORDER BY link")
    recorded(sessions, me, facts(RACK, "a", "b", fresh=False))
    assert sessions.rows("SELECT ctid, link FROM connection ORDER BY link") == before


def domains(sessions):
    return {rack.id: rack.failure_domain for rack in sessions.run(read_fleet).racks.values()}


def test_what_a_rack_fails_together_with_is_kept_and_follows_its_newest_hello(sessions, me):
    recorded(sessions, me, facts(RACK, "a", failure_domain="room 1"))
    assert domains(sessions) == {RACK: "room 1"}
    recorded(sessions, me, facts(RACK, "a", failure_domain="room 2"))
    assert domains(sessions) == {RACK: "room 2"}
    recorded(sessions, me, facts(RACK, "b", run="run-b"))
    assert domains(sessions) == {RACK: ""}


def test_links_that_are_no_more_among_the_facts_are_forgotten(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a", "b"))
    recorded(sessions, other, facts(RACK, "c"))
    recorded(sessions, me, facts(RACK, "b"))
    assert links(sessions) == {("b", RACK, me.process), ("c", RACK, other.process)}


def test_racks_outside_of_the_batch_keep_their_links(sessions, me):
    recorded(sessions, me, facts(RACK, "a"), facts("rack0002", "b"))
    recorded(sessions, me, facts(RACK))
    assert links(sessions) == {("b", "rack0002", me.process)}


def test_m7_two_links_of_one_rack_to_one_process_count_until_the_last_is_gone(sessions, me):
    recorded(sessions, me, facts(RACK, "first", "second"))
    assert sessions.run(read_fleet).reach == {RACK: (me.process,)}
    recorded(sessions, me, facts(RACK, "second"))
    assert sessions.run(read_fleet).reach == {RACK: (me.process,)}
    recorded(sessions, me, facts(RACK))
    assert sessions.run(read_fleet).reach == {RACK: ()}


def test_a_process_that_was_given_up_records_nothing(sessions, me):
    sessions.run(lambda c: mark_dead(c, [(me, 0)]))
    with pytest.raises(DeclaredDead):
        recorded(sessions, me, facts(RACK, "a"))
    assert sessions.rows("SELECT * FROM connection") == []
    assert sessions.rows("SELECT * FROM rack") == []


def test_rows_of_a_former_incarnation_that_came_late_are_written_anew(sessions, me):
    """Its transaction had begun before this one registered, and was committed after."""
    recorded(sessions, me, facts(RACK, "a"))
    again = joined(sessions)
    assert again.incarnation > me.incarnation
    sessions.change(
        "INSERT INTO connection (link, process_id, incarnation, rack_id, run, address) "
        "SELECT 'a', :process, :incarnation, id, run, '' FROM rack WHERE id = :rack",
        process=me.process,
        incarnation=me.incarnation,
        rack=RACK,
    )
    recorded(sessions, again, facts(RACK, "a"))
    told = sessions.rows("SELECT link, incarnation FROM connection")
    assert [tuple(row) for row in told] == [("a", again.incarnation)]


def test_a_former_incarnation_records_nothing(sessions, me):
    joined(sessions, me.process)
    with pytest.raises(DeclaredDead):
        recorded(sessions, me, facts(RACK, "a"))


def test_links_of_a_process_that_died_meanwhile_count_for_nobody(sessions, me):
    with sessions.open_transaction() as late:
        record_links(late, me, [facts(RACK, "a")])
        sessions.run(lambda c: mark_dead(c, [(me, 0)]))
        late.commit()
    assert links(sessions) == set()


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


def test_batches_over_the_same_racks_in_any_order_do_not_stop_each_other(sessions, me, other):
    racks = [f"rack{n:04}" for n in range(20)]

    def greet_often(process, order):
        for turn in range(8):
            said = [facts(rack, f"{rack} {process.process} {turn}") for rack in order]
            recorded(sessions, process, *said)

    both = [
        sessions.start(lambda: greet_often(me, racks)),
        sessions.start(lambda: greet_often(other, racks[::-1])),
    ]
    for side in both:
        side.result(30)
    assert len(links(sessions)) == 2 * len(racks)


def test_a_rack_s_word_that_a_link_is_gone_removes_it_at_once_for_everyone(sessions, me, other):
    recorded(sessions, me, facts(RACK, "a"))
    recorded(sessions, other, facts(RACK, "b"))
    sessions.run(lambda c: record_lost_links(c, [(RACK, "a")]))
    assert links(sessions) == {("b", RACK, other.process)}


def test_a_rack_s_word_is_taken_for_its_own_links_only(sessions, me):
    recorded(sessions, me, facts(RACK, "a"), facts("rack0002", "b"))
    sessions.run(lambda c: record_lost_links(c, [("rack0002", "a")]))
    sessions.run(lambda c: record_lost_links(c, [(RACK, "no such link")]))
    assert links(sessions) == {("a", RACK, me.process), ("b", "rack0002", me.process)}


def test_of_many_words_at_once_each_rack_is_taken_at_its_own(sessions, me):
    sessions.run(lambda c: record_links(c, me, [facts(RACK, "a", "b"), facts("rack0002", "c")]))
    said = [("rack0002", "a"), (RACK, "a"), (RACK, "c"), ("rack0002", "c"), (RACK, "no such link")]
    sessions.run(lambda c: record_lost_links(c, said))
    assert {link.id for link in sessions.run(read_fleet).links} == {"b"}


def test_a_lost_link_stays_lost_however_often_its_process_writes_it_again(sessions, me):
    recorded(sessions, me, facts(RACK, "a"))
    sessions.run(lambda c: record_lost_links(c, [(RACK, "a")]))
    recorded(sessions, me, facts(RACK, "a", fresh=False))
    assert links(sessions) == set()


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
