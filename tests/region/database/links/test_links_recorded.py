"""Links in the tables: only what both ends hold, whichever process writes when."""

import pytest

from evenrack.errors import DeclaredDead
from evenrack.region.database.connection_store import record_links, record_lost_links
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.process_store import mark_dead
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres

RACK = "rack0001"


def links(sessions):
    return {(link.id, link.rack, link.process) for link in sessions.run(read_fleet).links}


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
