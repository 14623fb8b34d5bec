"""Holds, drains and the circuit breaker as they are kept, by the database's clock."""

import pytest
from attrs import evolve
from sqlalchemy.exc import IntegrityError

from evenrack.balance.circuit_breaker import BreakerChange
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.intents import Breaker, Succession
from evenrack.region.database import balance_store as store
from evenrack.region.database.balance_store import Wish
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.leading.decision_writer import Decisions, write_decisions
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres

WISH = Wish(who="anna", message="new switch", seconds=3600)


def earlier(sessions, table, hours):
    """Let everything in a table have begun, and end, so many hours before."""
    end = "until" if table == "balance_hold" else "deadline"
    shift = f"make_interval(mins => {int(hours * 60)})"
    sessions.change(f"UPDATE {table} SET at = at - {shift}, {end} = {end} - {shift}")  # noqa: S608  of this file


def test_a_hold_is_read_as_it_was_said_and_a_new_one_takes_its_place(sessions):
    assert sessions.run(store.read_hold) is None
    sessions.run(lambda c: store.write_hold(c, WISH))
    hold = sessions.run(store.read_hold)
    assert (hold.reason, hold.who) == ("new switch", "anna")
    assert (hold.until - hold.since).total_seconds() == pytest.approx(3600, abs=1)
    sessions.run(lambda c: store.write_hold(c, Wish(who="otto", message="on and on")))
    hold = sessions.run(store.read_hold)
    assert (hold.reason, hold.who, hold.until) == ("on and on", "otto", None)
    sessions.run(store.delete_hold)
    assert sessions.run(store.read_hold) is None


def test_a_hold_ends_by_itself_and_one_without_an_end_does_not(sessions):
    sessions.run(lambda c: store.write_hold(c, WISH))
    earlier(sessions, "balance_hold", 0.9)
    assert sessions.run(read_fleet).hold is not None
    earlier(sessions, "balance_hold", 0.2)
    assert sessions.run(read_fleet).hold is None
    sessions.run(lambda c: store.write_hold(c, evolve(WISH, seconds=None)))
    earlier(sessions, "balance_hold", 1000)
    assert sessions.run(read_fleet).hold is not None


def test_drains_are_read_in_order_and_end_one_by_one(sessions):
    for kind, drained in (("region", "region2"), ("rack", "rack0001"), ("process", "region1/1")):
        sessions.run(lambda c, k=kind, d=drained: store.write_drain(c, k, d, WISH))
    found = sessions.run(store.read_drains)
    assert [drain.object for drain in found] == [
        "process:region1/1",
        "rack:rack0001",
        "region:region2",
    ]
    assert sessions.run(lambda c: store.delete_drain(c, "rack", "rack0001"))
    assert not sessions.run(lambda c: store.delete_drain(c, "rack", "rack0001"))
    assert not sessions.run(lambda c: store.delete_drain(c, "region", "region1/1"))
    assert len(sessions.run(store.read_drains)) == 2


@pytest.mark.parametrize(("seconds", "limit"), [(7200, 2.0), (None, 24.0)])
def test_a_drain_is_overdue_after_its_deadline_or_without_one_after_a_day(sessions, seconds, limit):
    sessions.run(lambda c: store.write_drain(c, "rack", "r", evolve(WISH, seconds=seconds)))
    earlier(sessions, "drain", limit - 0.1)
    assert [drain.overdue for drain in sessions.run(store.read_drains)] == [False]
    earlier(sessions, "drain", 0.2)
    assert [drain.overdue for drain in sessions.run(store.read_drains)] == [True]


def test_a_drain_that_is_said_again_keeps_its_beginning_and_has_the_new_deadline(sessions):
    sessions.run(lambda c: store.write_drain(c, "rack", "r", WISH))
    earlier(sessions, "drain", 5)
    (before,) = sessions.run(store.read_drains)
    sessions.run(lambda c: store.write_drain(c, "rack", "r", evolve(WISH, message="longer")))
    (after,) = sessions.run(store.read_drains)
    assert (after.since, after.message) == (before.since, "longer")
    assert (before.overdue, after.overdue) == (True, False)


def test_who_takes_the_places_of_a_drained_rack_is_kept_until_another_is_named(sessions):
    sessions.run(lambda c: store.write_drain(c, "rack", "r", WISH))
    sessions.run(lambda c: store.write_drain(c, "rack", "other", WISH))
    places = {"primary_of": frozenset({VlanId(3), VlanId(1)}), "secondary_of": frozenset()}
    for successor in ("rack0001", "rack0002"):
        to = Succession(rack=RackId(successor), **places)
        sessions.run(lambda c, to=to: store.write_succession(c, RackId("r"), to))
        sessions.run(lambda c: store.write_drain(c, "rack", "r", evolve(WISH, message="longer")))
        assert [drain.succession for drain in sessions.run(store.read_drains)] == [None, to]


def test_a_kind_of_drain_that_nobody_knows_is_refused_by_the_table(sessions):
    with pytest.raises(IntegrityError):
        sessions.run(lambda c: store.write_drain(c, "vlan", "1", WISH))


def test_the_fleet_drains_the_racks_and_processes_that_are_meant(sessions):
    joined(sessions, "region1/1"), joined(sessions, "region2/1")
    both = joined(sessions, "region2/2")
    recorded(sessions, both, facts("rack0001", "a"), facts("rack0002", "b"))
    sessions.run(lambda c: store.write_drain(c, "rack", "rack0002", WISH))
    assert sessions.run(read_fleet).draining == {"rack0002"}
    sessions.run(lambda c: store.write_drain(c, "process", "region1/1", WISH))
    assert sessions.run(read_fleet).draining == {"rack0002", "region1/1"}
    sessions.run(lambda c: store.write_drain(c, "region", "region2", WISH))
    assert sessions.run(read_fleet).draining == {"rack0002", "region1/1", "region2/1", "region2/2"}


def test_the_breaker_is_kept_with_who_was_lost_until_it_ends(sessions):
    tripped = Breaker(
        why="3 of 4 racks were lost", racks=frozenset({"b", "a"}), processes=frozenset({"p/1"})
    )
    sessions.run(lambda c: store.write_breaker(c, tripped, trips=True))
    found = sessions.run(store.read_breaker)
    assert found.since is not None
    assert evolve(found, since=None) == tripped
    assert sessions.run(read_fleet).breaker_holds
    grown = evolve(found, racks=frozenset({"a", "b", "c"}))
    sessions.run(lambda c: store.write_breaker(c, grown, trips=False))
    assert sessions.run(store.read_breaker) == grown, "it keeps its beginning"
    sessions.run(lambda c: store.write_breaker(c, None, trips=False))
    assert sessions.run(store.read_breaker) is None


def test_a_released_breaker_stays_released_until_it_trips_again(sessions):
    tripped = Breaker(why="3 of 4 racks were lost", racks=frozenset("abc"))
    assert not sessions.run(store.release_breaker)
    sessions.run(lambda c: store.write_breaker(c, tripped, trips=True))
    assert sessions.run(store.release_breaker)
    assert not sessions.run(store.release_breaker)
    assert not sessions.run(read_fleet).breaker_holds
    grown = evolve(tripped, racks=frozenset("abcd"))  # by a leader that had read it before
    sessions.run(lambda c: store.write_breaker(c, grown, trips=False))
    assert sessions.run(store.read_breaker).released
    sessions.run(lambda c: store.write_breaker(c, grown, trips=True))
    assert sessions.run(read_fleet).breaker_holds


def test_what_a_leader_decides_of_the_breaker_is_written_and_told(sessions):
    fleet = sessions.run(read_fleet)
    tripped = Breaker(why="3 of 4 racks were lost", racks=frozenset("abc"))
    trips = Decisions(breaker=BreakerChange(now=tripped, trips=True))
    assert trips
    sessions.run(lambda c: write_decisions(c, 0, fleet, trips))
    assert sessions.run(read_fleet).breaker_holds
    sessions.run(lambda c: write_decisions(c, 0, fleet, Decisions(breaker=BreakerChange(now=None))))
    assert sessions.run(read_fleet).breaker is None
    told = sessions.run(lambda c: read_events(c, after=0, limit=9, kind="breaker"))
    assert [event["data"]["state"] for event in told] == ["open", "over"]
