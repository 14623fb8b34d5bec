"""The fence: an old leader's writes change nothing, wherever it was stopped (I12)."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from evenrack.errors import NoLongerLeader
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.engine import IDLE_LIMIT, SESSION_SETTINGS, attempt, open_engine
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.leader_store import (
    current_number,
    end_session,
    next_number,
    raise_above,
    read_leadership,
    take_over,
    try_lock,
)
from tests.region.database.sessions import backend_of, facts, joined, recorded

pytestmark = pytest.mark.postgres

IDLE_SECONDS = 2.0
"""`idle_in_transaction_session_timeout` of every session of a daemon."""

PATIENCE_SECONDS = 10.0
"""So much later it may be seen on a machine that stands still."""


def taken(sessions, process="region1/1", *, seen_epoch=None, incarnation=1, backend=0):
    seen = sessions.run(read_leadership).epoch if seen_epoch is None else seen_epoch
    return sessions.run(
        lambda c: take_over(
            c,
            seen_epoch=seen,
            process=process,
            incarnation=incarnation,
            lock_backend=backend,
        )
    )


@pytest.fixture
def rack(sessions):
    """A rack that is connected to two processes."""
    for process in ("region1/1", "region2/1"):
        recorded(sessions, joined(sessions, process), facts("rack0001", f"link {process}"))
    return "rack0001"


def decide(connection, epoch, rack, process="region1/1"):
    """What a leader does: the fence first, then its decision."""
    number = next_number(connection, epoch=epoch)
    write_managing(connection, {rack: process}, number)
    return number


def managers(sessions):
    return {r: m.process for r, m in sessions.run(read_fleet).managing.items()}


def test_a_new_cluster_has_no_leader_and_anyone_may_begin(sessions):
    assert sessions.run(read_leadership).holder is None
    won = taken(sessions)
    assert (won.epoch, won.new_database) == (1, False)
    leadership = sessions.run(read_leadership)
    assert (leadership.holder, leadership.holder_incarnation) == ("region1/1", 1)
    assert leadership.number == won.number


def test_i12_of_two_that_saw_the_same_epoch_exactly_one_takes_over(sessions):
    takers = [
        sessions.start(lambda n=n: taken(sessions, f"region{n}/1", seen_epoch=0))
        for n in range(1, 9)
    ]
    won = [taker.result(10) for taker in takers]
    assert [w.epoch for w in won if w is not None] == [1]
    winner = f"region{1 + next(i for i, w in enumerate(won) if w is not None)}/1"
    assert sessions.run(read_leadership).holder == winner


def test_i12_a_leader_stopped_between_its_transactions_writes_nothing_after(sessions, rack):
    old = taken(sessions, "region1/1")
    new = taken(sessions, "region2/1")
    with pytest.raises(NoLongerLeader):
        sessions.run(lambda c: decide(c, old.epoch, rack))
    assert managers(sessions) == {}
    assert sessions.run(current_number) == new.number


def test_i12_a_leader_stopped_inside_its_transaction_loses_to_its_successor_in_time(sessions, rack):
    old = taken(sessions, "region1/1")
    with sessions.open_transaction() as stopped:
        stopped.execute(text(f"SET LOCAL {IDLE_LIMIT} = '{SESSION_SETTINGS[IDLE_LIMIT]}'"))
        began = time.monotonic()
        decide(stopped, old.epoch, rack)
        new = taken(sessions, "region2/1")
        waited = time.monotonic() - began
        assert IDLE_SECONDS - 0.5 < waited < IDLE_SECONDS + PATIENCE_SECONDS
        assert new.epoch == old.epoch + 1
        with pytest.raises(DBAPIError):
            stopped.execute(text("SELECT 1"))
    assert managers(sessions) == {}
    assert sessions.run(read_leadership).holder == "region2/1"


def test_i12_a_leader_blocked_on_the_row_by_its_successor_writes_nothing(sessions, rack):
    old = taken(sessions, "region1/1")
    with sessions.open_transaction() as successor:
        new = take_over(
            successor,
            seen_epoch=old.epoch,
            process="region2/1",
            incarnation=1,
            lock_backend=0,
        )
        blocked = sessions.start(lambda: sessions.run(lambda c: decide(c, old.epoch, rack)))
        sessions.wait_until_blocked()
        successor.commit()
        with pytest.raises(NoLongerLeader):
            blocked.result(5)
    assert managers(sessions) == {}
    assert sessions.run(current_number) == new.number


def test_i12_a_successor_waits_for_a_decision_under_way_and_then_sees_it(sessions, rack):
    old = taken(sessions, "region1/1")
    with sessions.open_transaction() as deciding:
        number = decide(deciding, old.epoch, rack)
        successor = sessions.start(lambda: taken(sessions, "region2/1", seen_epoch=old.epoch))
        sessions.wait_until_blocked()
        deciding.commit()
        new = successor.result(5)
    assert managers(sessions) == {rack: "region1/1"}
    assert new.number > number
    with pytest.raises(NoLongerLeader):
        sessions.run(lambda c: decide(c, old.epoch, rack, "region2/1"))
    assert managers(sessions) == {rack: "region1/1"}


def test_i12_half_a_decision_is_never_seen(sessions, rack):
    leader = taken(sessions)
    with pytest.raises(ZeroDivisionError):
        sessions.run(lambda c: (decide(c, leader.epoch, rack), 1 / 0))
    assert managers(sessions) == {}
    assert sessions.run(current_number) == leader.number


def test_the_fleet_s_number_grows_with_every_decision_and_take_over(sessions, rack):
    first = taken(sessions, "region1/1")
    numbers = [first.number]
    numbers += [sessions.run(lambda c: decide(c, first.epoch, rack)) for _ in range(3)]
    numbers.append(taken(sessions, "region2/1").number)
    assert numbers == sorted(set(numbers))


def test_reading_the_number_does_not_raise_it(sessions):
    taken(sessions)
    assert sessions.run(current_number) == sessions.run(current_number)


def test_the_era_grows_when_another_database_answers(sessions):
    before = taken(sessions)
    sessions.change("UPDATE leadership SET database_identity = '7/00000001'")  # as a restored dump
    after = taken(sessions)
    assert after.new_database is True
    assert after.number.era == before.number.era + 1
    assert after.number > before.number
    again = taken(sessions)
    assert (again.new_database, again.number.era) == (False, after.number.era)


def test_numbers_go_on_above_what_a_rack_holds_from_before_an_older_dump_was_restored(sessions):
    """The dump and its restoring are stood in for by setting the row back to an older content."""
    leader = taken(sessions)
    older = sessions.rows("SELECT era, generation FROM leadership")[0]
    for _ in range(5):
        held = sessions.run(lambda c: next_number(c, epoch=leader.epoch))
    sessions.change(
        "UPDATE leadership SET era = :era, generation = :generation",
        era=older[0],
        generation=older[1],
    )
    raised = sessions.run(lambda c: raise_above(c, held))
    assert raised > held
    assert sessions.run(lambda c: next_number(c, epoch=leader.epoch)) > raised


NEXT_IDS = "SELECT nextval(pg_get_serial_sequence(t, 'id')) FROM unnest(:tables) t"


@pytest.mark.parametrize("how", ["promoted", "restored"])
def test_orders_and_events_have_ids_that_no_lost_one_had_after_the_database_went_back(
    sessions, how
):
    def next_ids():
        return [row[0] for row in sessions.rows(NEXT_IDS, tables=["power_order", "event"])]

    taken(sessions)
    before = next_ids()
    if how == "promoted":
        sessions.change("UPDATE leadership SET database_identity = '7/00000001'")
        taken(sessions)
    else:
        sessions.run(lambda c: raise_above(c, FleetNumber(9, 1)))
    raised = next_ids()
    assert all(now > then + 1_000_000 for now, then in zip(raised, before, strict=True))
    taken(sessions)
    sessions.run(lambda c: raise_above(c, FleetNumber(1, 1)))
    assert all(now < then + 100 for now, then in zip(next_ids(), raised, strict=True))


@pytest.mark.parametrize(
    ("now", "seen", "then"),
    [
        ((1, 5), (1, 5), (1, 6)),
        ((1, 5), (1, 9), (1, 10)),
        ((3, 5), (2, 900), (3, 5)),
        ((1, 900), (2, 3), (2, 4)),
        ((2, 5), (2, 4), (2, 5)),
    ],
)
def test_the_number_is_raised_above_another_and_never_lowered(sessions, now, seen, then):
    sessions.change(
        "UPDATE leadership SET era = :era, generation = :generation", era=now[0], generation=now[1]
    )
    assert sessions.run(lambda c: raise_above(c, FleetNumber(*seen))) == FleetNumber(*then)
    assert sessions.run(current_number) == FleetNumber(*then)


def test_only_one_session_gets_the_leader_s_lock_and_keeps_it(sessions):
    with sessions.open_transaction() as first, sessions.open_transaction() as second:
        assert try_lock(first) == backend_of(first)
        assert try_lock(second) is None
        assert try_lock(first) == backend_of(first)
        first.execute(text("SELECT pg_advisory_unlock_all()"))
        assert try_lock(second) == backend_of(second), "taken once, however often it was kept"


def test_the_lock_is_free_as_soon_as_its_session_is_killed(sessions):
    with sessions.open_transaction() as first, sessions.open_transaction() as second:
        killed = try_lock(first)
        sessions.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=killed)
        assert try_lock(second) == backend_of(second)


def test_the_lock_of_another_cluster_on_the_same_server_is_another_lock(
    sessions, empty_database_dsn
):
    elsewhere = open_engine(empty_database_dsn, "elsewhere", sessions=0)
    with sessions.open_transaction() as here, elsewhere.connect() as there:
        assert try_lock(here) is not None
        assert try_lock(there) is not None


def test_only_the_named_program_s_session_is_ended(sessions, database_dsn):
    named = open_engine(database_dsn, "region1/1 leader lock", sessions=0)
    with named.connect() as lock:
        backend = try_lock(lock)
        lock.commit()
        sessions.run(lambda c: end_session(c, backend, "region1/2 leader lock"))
        assert try_lock(lock) == backend
        lock.commit()
        sessions.run(lambda c: end_session(c, backend, "region1/1 leader lock"))
        with pytest.raises(DBAPIError):
            try_lock(lock)


def test_the_session_of_a_process_with_the_longest_name_is_found_by_it(sessions, database_dsn):
    name = "r" * 63 + "/99 leader lock"  # PostgreSQL keeps 63 bytes of it
    named = open_engine(database_dsn, name, sessions=0)
    with named.connect() as lock:
        backend = try_lock(lock)
        lock.commit()
        sessions.run(lambda c: end_session(c, backend, name))
        with pytest.raises(DBAPIError):
            try_lock(lock)


def test_an_ordinary_role_that_owns_the_schema_can_lead(sessions, database_dsn):
    sessions.change("DROP ROLE IF EXISTS ordinary")
    sessions.change("CREATE ROLE ordinary LOGIN")
    sessions.change(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ordinary"
    )
    engine = open_engine(database_dsn.replace("user=postgres", "user=ordinary"), "ours", sessions=0)
    try:
        with engine.connect() as lock:
            assert try_lock(lock) is not None
            won = attempt(
                engine,
                lambda c: take_over(
                    c,
                    seen_epoch=0,
                    process="region1/1",
                    incarnation=1,
                    lock_backend=backend_of(lock),
                ),
            )
            backend = backend_of(lock)
            lock.commit()
            attempt(engine, lambda c: end_session(c, backend, "ours"))
            with pytest.raises(DBAPIError):
                try_lock(lock)
        assert won.epoch == 1
    finally:
        sessions.change("DROP OWNED BY ordinary")
        sessions.change("DROP ROLE ordinary")
