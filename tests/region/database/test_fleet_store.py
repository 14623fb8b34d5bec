"""The fleet as it is read for decisions: only what counts, all from one moment."""

import pytest

from evenrack.model.fleet import Managing, Rack, RegionProcess
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.assignment_store import (
    close_problems,
    open_problems,
    write_managing,
)
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.process_store import mark_dead, mark_off
from tests.region.database.sessions import ADDRESS, facts, joined, recorded

pytestmark = pytest.mark.postgres


def test_a_new_cluster_reads_as_an_empty_fleet(sessions):
    fleet = sessions.run(read_fleet)
    assert (fleet.regions, fleet.processes, fleet.racks, tuple(fleet.links)) == ({}, {}, {}, ())
    assert (fleet.managing, fleet.open_problems) == ({}, {})
    assert fleet.leadership.number == FleetNumber(0, 0)
    assert fleet.leadership.holder is None


def test_every_process_is_read_with_its_state(sessions):
    running, dead, off = (joined(sessions, f"region1/{n}", pid=n) for n in (1, 2, 3))
    sessions.run(lambda c: mark_dead(c, [(dead, 0)]))
    sessions.run(lambda c: mark_off(c, off))
    fleet = sessions.run(read_fleet)
    assert fleet.live == (running.process,)
    assert fleet.processes["region1/2"] == RegionProcess(
        id="region1/2", region="region1", incarnation=1, pid=2, state="dead"
    )
    assert fleet.processes["region1/3"].state == "off"
    assert fleet.regions == {"region1": "region1.example.com"}


def test_racks_links_and_managers_are_read_as_they_were_written(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts("rack0001", "a", holds=FleetNumber(1, 2), holds_fingerprint="f"))
    sessions.run(lambda c: write_managing(c, {"rack0001": me.process}, FleetNumber(1, 3)))
    fleet = sessions.run(read_fleet)
    assert fleet.racks == {
        "rack0001": Rack(
            id="rack0001",
            hostname="rack1",
            address=ADDRESS,
            run="run-a",
            holds=FleetNumber(1, 2),
            holds_fingerprint="f",
        )
    }
    assert fleet.managing == {"rack0001": Managing(process=me.process, number=FleetNumber(1, 3))}
    assert fleet.manager_of("rack0001") == me.process


def test_a_process_that_stopped_since_the_leader_looked_is_given_no_rack(sessions):
    me, gone = joined(sessions), joined(sessions, "region1/2")
    recorded(sessions, me, facts("rack0001", "a"), facts("rack0002", "b"))
    sessions.run(lambda c: mark_off(c, gone))
    decided = {"rack0001": me.process, "rack0002": gone.process}
    written = sessions.run(lambda c: write_managing(c, decided, FleetNumber(1, 3)))
    assert written == set(sessions.run(read_fleet).managing) == {"rack0001"}


def test_a_rack_without_links_is_still_read_and_keeps_the_note_of_its_manager(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts("rack0001", "a"))
    sessions.run(lambda c: write_managing(c, {"rack0001": me.process}, FleetNumber(1, 3)))
    recorded(sessions, me, facts("rack0001"))
    fleet = sessions.run(read_fleet)
    assert fleet.reach == {"rack0001": ()}
    assert fleet.manager_of("rack0001") is None
    assert fleet.managing["rack0001"].process == me.process


def test_one_reading_is_of_one_moment(sessions):
    """Also when the tables change between its statements."""
    me, other = joined(sessions, "region1/1"), joined(sessions, "region2/1")
    recorded(sessions, me, facts("rack0001", "a"))
    picture = sessions.engine.execution_options(isolation_level="REPEATABLE READ")
    with picture.begin() as reading:
        assert read_fleet(reading).live == (me.process, other.process)
        sessions.run(lambda c: mark_dead(c, [(me, 0)]))
        recorded(sessions, other, facts("rack0002", "b"))
        fleet = read_fleet(reading)
    assert fleet.live == (me.process, other.process)
    assert set(fleet.racks) == {"rack0001"}


def test_a_decision_replaces_the_one_before_and_leaves_other_racks_alone(sessions):
    first, second = joined(sessions, "region1/1"), joined(sessions, "region2/1")
    recorded(sessions, first, facts("rack0001", "a"), facts("rack0002", "b"))
    both = {"rack0001": first.process, "rack0002": first.process}
    sessions.run(lambda c: write_managing(c, both, FleetNumber(1, 1)))
    sessions.run(lambda c: write_managing(c, {"rack0001": second.process}, FleetNumber(1, 2)))
    sessions.run(lambda c: write_managing(c, {}, FleetNumber(1, 3)))
    assert sessions.run(read_fleet).managing == {
        "rack0001": Managing(process=second.process, number=FleetNumber(1, 2)),
        "rack0002": Managing(process=first.process, number=FleetNumber(1, 1)),
    }


def test_an_open_problem_keeps_the_moment_it_began_until_it_is_over(sessions):
    lost = ("RackLost", "rack:rack0001", "rack1")
    sessions.run(lambda c: open_problems(c, [lost]))
    began = sessions.run(read_fleet).open_problems
    assert set(began) == {lost[:2]}
    sessions.run(lambda c: open_problems(c, [lost, ("RackLost", "rack:rack0002", "rack2")]))
    assert sessions.run(read_fleet).open_problems[lost[:2]] == began[lost[:2]]
    sessions.run(lambda c: close_problems(c, [lost[:2]]))
    assert set(sessions.run(read_fleet).open_problems) == {("RackLost", "rack:rack0002")}
