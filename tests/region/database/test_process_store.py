"""Region processes in the tables: they register, beat, are given up, or stop."""

import pytest
import sqlalchemy

from evenrack.errors import DeclaredDead
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.host_port import HostPort
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.process_store import (
    Incarnation,
    beat,
    mark_dead,
    mark_off,
    read_endpoints,
    register,
)
from tests.region.database.sessions import facts, heard, joined, recorded, registration

pytestmark = pytest.mark.postgres


def state_of(sessions, process):
    return sessions.value("SELECT state FROM process WHERE id = :id", id=process)


def beaten(sessions, me, **more):
    """One beat as the daemon makes it: in autocommit."""
    with sessions.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return beat(connection, me, **more)


def test_a_process_registers_as_running_with_everything_it_says_of_itself(sessions):
    me = joined(sessions, "region1/2", pid=77, port=5252)
    assert me == Incarnation(process="region1/2", incarnation=1)
    assert sessions.rows("SELECT region_id, incarnation, beat, pid, state FROM process") == [
        ("region1", 1, 0, 77, "running")
    ]
    assert sessions.rows("SELECT id, hostname FROM region") == [("region1", "region1.example.com")]


def test_each_registration_is_a_new_incarnation_of_the_same_process(sessions):
    first, second = joined(sessions, pid=1), joined(sessions, pid=2)
    assert (first.incarnation, second.incarnation) == (1, 2)
    assert sessions.rows("SELECT id, incarnation, pid FROM process") == [("region1/1", 2, 2)]


def test_two_processes_of_one_host_can_register_at_the_same_moment(sessions):
    names = [f"region1/{n}" for n in range(1, 9)]
    starts = [sessions.start(lambda n=n: joined(sessions, n)) for n in names]
    assert {start.result(10).process for start in starts} == set(names)
    assert sessions.value("SELECT count(*) FROM region") == 1


def test_a_registration_forgets_the_links_of_the_life_before(sessions):
    before = joined(sessions)
    recorded(sessions, before, facts("rack0001", "link-a"))
    joined(sessions)
    assert sessions.rows("SELECT * FROM connection") == []


def test_a_host_that_was_renamed_is_shown_by_its_new_name(sessions):
    joined(sessions)
    renamed = registration()
    renamed = type(renamed)(
        process=renamed.process, hostname="new.example.com", pid=1, addresses=renamed.addresses
    )
    sessions.run(lambda c: register(c, renamed))
    assert sessions.rows("SELECT id, hostname FROM region") == [("region1", "new.example.com")]


def test_a_beat_counts_up_and_brings_back_every_running_process(sessions):
    me, other, dead = (joined(sessions, f"region1/{n}") for n in (1, 2, 3))
    sessions.run(lambda c: mark_dead(c, [(dead, 0)]))
    beaten(sessions, me)
    beats = beaten(sessions, me)
    assert dict(beats.beats) == {me.process: (1, 2), other.process: (1, 0)}


def test_a_beat_brings_back_the_process_s_own_links_and_managed_racks_only(sessions):
    me, other = joined(sessions, "region1/1"), joined(sessions, "region2/1")
    recorded(sessions, me, facts("rack0001", "mine-1"), facts("rack0002", "mine-2"))
    recorded(sessions, other, facts("rack0001", "theirs-1"))
    managers = {"rack0001": me.process, "rack0002": other.process}
    sessions.run(lambda c: write_managing(c, managers, FleetNumber(0, 1)))
    beats = beaten(sessions, me)
    assert dict(beats.links) == {"mine-1": "rack0001", "mine-2": "rack0002"}
    assert beats.managed == {"rack0001"}


def test_the_server_has_the_same_name_at_each_beat(sessions):
    me = joined(sessions)
    assert beaten(sessions, me).server == beaten(sessions, me).server


def test_a_beat_records_how_far_the_host_s_clock_is_off_and_wakes_nobody(sessions):
    me, other = joined(sessions), joined(sessions, "region2/1")
    with heard(sessions) as said:
        before = sessions.value("SELECT clock_timestamp()")
        beats = beaten(sessions, me, clock_ahead=3599.9)
        assert before < beats.clock < sessions.value("SELECT clock_timestamp()")
    assert said == []
    processes = sessions.run(read_fleet).processes
    assert processes[me.process].clock_ahead == 3599.9
    assert processes[other.process].clock_ahead is None


def test_a_beat_is_not_awaited_from_the_disk(sessions):
    me = joined(sessions)
    with sessions.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        beat(connection, me)
        setting = connection.execute(sqlalchemy.text("SHOW synchronous_commit")).scalar_one()
    assert setting == "off"


def test_m1_a_process_is_marked_dead_only_with_the_beat_that_was_seen(sessions):
    me = joined(sessions)
    beaten(sessions, me)
    for seen in (0, 2):
        assert sessions.run(lambda c, seen=seen: mark_dead(c, [(me, seen)])) == []
        assert state_of(sessions, me.process) == "running"
    assert sessions.run(lambda c: mark_dead(c, [(me, 1)])) == [me]
    assert state_of(sessions, me.process) == "dead"


def test_m1_a_process_that_came_back_is_not_marked_for_its_former_life(sessions):
    before = joined(sessions)
    joined(sessions)
    assert sessions.run(lambda c: mark_dead(c, [(before, 0)])) == []
    assert state_of(sessions, before.process) == "running"


def test_m1_a_beat_under_way_saves_its_process_from_being_marked(sessions):
    me = joined(sessions)
    with sessions.open_transaction() as beating:
        beat(beating, me)
        marking = sessions.start(lambda: sessions.run(lambda c: mark_dead(c, [(me, 0)])))
        sessions.wait_until_blocked()
        beating.commit()
        assert marking.result(5) == []
    assert state_of(sessions, me.process) == "running"


def test_the_beat_of_a_process_that_was_given_up_says_so(sessions):
    me = joined(sessions)
    sessions.run(lambda c: mark_dead(c, [(me, 0)]))
    with pytest.raises(DeclaredDead, match=r"region1/1 incarnation 1"):
        beaten(sessions, me)


def test_the_beat_of_a_former_incarnation_says_so(sessions):
    before = joined(sessions)
    joined(sessions)
    with pytest.raises(DeclaredDead):
        beaten(sessions, before)
    assert sessions.value("SELECT beat FROM process") == 0


def test_a_process_that_was_given_up_can_come_back(sessions):
    me = joined(sessions)
    sessions.run(lambda c: mark_dead(c, [(me, 0)]))
    again = joined(sessions)
    assert again.incarnation == 2
    assert beaten(sessions, again).beats == {me.process: (2, 1)}


def test_m5_the_death_of_one_process_forgets_its_links_and_nobody_else_s(sessions):
    dying, living = joined(sessions, "region1/1"), joined(sessions, "region2/1")
    racks = [f"rack{n:04}" for n in range(62)]
    for me in (dying, living):
        recorded(sessions, me, *(facts(rack, f"{rack} {me.process}") for rack in racks))
    sessions.run(lambda c: mark_dead(c, [(dying, 0)]))
    fleet = sessions.run(read_fleet)
    assert {rack: fleet.reach[rack] for rack in racks} == dict.fromkeys(racks, (living.process,))
    assert sessions.value("SELECT count(*) FROM connection") == len(racks)


def test_m5_a_process_row_with_links_or_racks_to_manage_cannot_be_deleted(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts("rack0001", "link-a"))
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        sessions.change("DELETE FROM process")
    recorded(sessions, me, facts("rack0001"))
    sessions.run(lambda c: write_managing(c, {"rack0001": me.process}, FleetNumber(0, 1)))
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        sessions.change("DELETE FROM process")


def test_a_process_that_stops_in_order_is_off_without_links_and_with_an_event(sessions):
    me, other = joined(sessions, "region1/1"), joined(sessions, "region1/2")
    recorded(sessions, me, facts("rack0001", "mine"))
    recorded(sessions, other, facts("rack0001", "theirs"))
    sessions.run(lambda c: mark_off(c, me))
    assert (state_of(sessions, me.process), state_of(sessions, other.process)) == ("off", "running")
    assert sessions.rows("SELECT link FROM connection") == [("theirs",)]
    *_, event = sessions.run(lambda c: read_events(c, after=0, limit=100))
    assert (event["kind"], event["object"]) == ("loss", "process:region1/1")


def test_a_former_incarnation_that_stops_does_not_switch_off_the_present_one(sessions):
    before = joined(sessions)
    now = joined(sessions)
    recorded(sessions, now, facts("rack0001", "link-a"))
    sessions.run(lambda c: mark_off(c, before))
    assert state_of(sessions, now.process) == "running"
    assert sessions.value("SELECT count(*) FROM connection") == 1


def test_p21_racks_are_told_of_running_and_dead_processes_but_not_of_stopped_ones(sessions):
    running, dead, off = (joined(sessions, f"region1/{n}", port=5250 + n) for n in (1, 2, 3))
    sessions.run(lambda c: mark_dead(c, [(dead, 0)]))
    sessions.run(lambda c: mark_off(c, off))
    assert sessions.run(read_endpoints) == {
        running.process: (HostPort(host="127.0.0.1", port=5251),),
        dead.process: (HostPort(host="127.0.0.1", port=5252),),
    }


def test_p21_every_address_of_a_process_is_told_in_its_order(sessions):
    addresses = tuple(
        HostPort(host=host, port=5251) for host in ("r1.example.com", "192.0.2.1", "fd00::1")
    )
    template = registration()
    said = type(template)(process=template.process, hostname="r1", pid=1, addresses=addresses)
    sessions.run(lambda c: register(c, said))
    assert sessions.run(read_endpoints) == {said.process: addresses}
