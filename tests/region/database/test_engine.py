"""The two doors to PostgreSQL: short transactions, and sessions that stay."""

import itertools
import threading
import time
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from evenrack.errors import CannotEverWork, DatabaseUnreachable
from evenrack.region.database.engine import (
    ATTEMPTS,
    POOL_SESSIONS,
    PooledDatabase,
    ThreadedConnection,
    attempt,
    open_engine,
)
from evenrack.region.database.sessions import Sessions
from tests.region.database.sessions import backend_of

pytestmark = pytest.mark.postgres

LOCK = 4711


def is_one(connection):
    return connection.execute(text("SELECT 1")).scalar_one() == 1


def fail_with(connection, state):
    connection.execute(
        text(f"DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '{state}'; END $$")
    )


@asynccontextmanager
async def own_session(dsn, purpose="test"):
    session = ThreadedConnection(Sessions(dsn), reactor, purpose)
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def pooled(dsn):
    database = PooledDatabase(dsn, reactor, name="test")
    try:
        yield database
    finally:
        database.close()


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "23503"])
def test_a_transaction_that_lost_a_conflict_is_run_again(sessions, state):
    turns = itertools.count(1)

    def work(connection):
        turn = next(turns)
        connection.execute(text("UPDATE cluster SET key_host = 'a' || :turn"), {"turn": turn})
        if turn < ATTEMPTS:
            fail_with(connection, state)
        return turn

    assert sessions.run(work) == ATTEMPTS
    assert sessions.value("SELECT key_host FROM cluster") == f"a{ATTEMPTS}"


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "23503"])
def test_a_conflict_that_does_not_end_is_told_after_a_few_tries(sessions, state):
    turns = []
    with pytest.raises((DBAPIError, DatabaseUnreachable)):
        sessions.run(lambda c: (turns.append(1), fail_with(c, state)))
    assert len(turns) == ATTEMPTS


def test_a_mistake_is_not_repeated(sessions):
    turns = []
    with pytest.raises(DBAPIError):
        sessions.run(lambda c: (turns.append(1), fail_with(c, "23514")))
    assert len(turns) == 1


def test_a_lock_is_not_waited_for_longer_than_the_sessions_allow(sessions):
    with sessions.open_transaction() as holder:
        holder.execute(text("SET idle_in_transaction_session_timeout = 0"))
        holder.execute(text("LOCK TABLE cluster"))
        turns = []

        def work(connection):
            turns.append(1)
            if len(turns) == 2:
                holder.rollback()
            connection.execute(text("UPDATE cluster SET key_host = 'x'"))

        sessions.run(work)
    assert len(turns) == 2


def test_a_real_deadlock_ends_with_both_transactions_done(sessions):
    sessions.change("INSERT INTO region VALUES ('a', ''), ('b', '')")
    both_began = threading.Barrier(2)

    def in_order(*names):
        turns = itertools.count()

        def work(connection):
            turn = next(turns)
            for name in names:
                update = text("UPDATE region SET hostname = hostname || 'x' WHERE id = :id")
                connection.execute(update, {"id": name})
                if turn == 0 and name == names[0]:
                    both_began.wait(5)

        return sessions.start(lambda: sessions.run(work))

    for done in (in_order("a", "b"), in_order("b", "a")):
        done.result(15)
    assert sessions.rows("SELECT hostname FROM region") == [("xx",), ("xx",)]


def test_sessions_that_were_ended_by_the_server_are_replaced_without_a_word(database_dsn, sessions):
    engine = open_engine(database_dsn, "victim", sessions=POOL_SESSIONS)
    opened = [engine.connect() for _ in range(POOL_SESSIONS)]
    for connection in opened:
        connection.close()
    ended = sessions.rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'victim'"
    )
    assert len(ended) == POOL_SESSIONS
    assert attempt(engine, is_one)
    engine.dispose()


def test_a_session_that_ends_in_the_middle_of_a_transaction_has_it_run_again(sessions):
    turns = []

    def work(connection):
        turns.append(backend_of(connection))
        connection.execute(text("INSERT INTO region VALUES (:id, '')"), {"id": str(len(turns))})
        if len(turns) == 1:
            sessions.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=turns[0])
        return connection.execute(text("SELECT count(*) FROM region")).scalar_one()

    assert sessions.run(work) == 1
    assert sessions.rows("SELECT id FROM region") == [("2",)]


def test_sessions_have_the_limits_that_keep_a_hung_one_from_blocking_the_others(database_dsn):
    def limits(connection):
        names = ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout")
        names += ("client_connection_check_interval",)
        return [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]

    engine = open_engine(database_dsn, "a daemon", sessions=1)
    assert attempt(engine, limits) == ["2s", "5s", "2s", "1s"]
    engine.dispose()


@pytest.mark.parametrize("where", ["host={empty}", "host=127.0.0.1 port=1"])
def test_an_unreachable_database_is_named_without_its_password(tmp_path, where):
    dsn = f"{where.format(empty=tmp_path)} dbname=evenrack user=evenrack password=geheim"
    engine = open_engine(dsn, "tests", sessions=0)
    with pytest.raises(DatabaseUnreachable) as caught:
        attempt(engine, is_one)
    told = caught.value
    while told is not None:
        assert "geheim" not in f"{told} {told!r}"
        told = told.__cause__


def test_a_refused_password_is_not_shown(database_dsn, sessions):
    port = sessions.value("SHOW port")
    host = database_dsn.split("host=")[1].split()[0]
    dsn = f"host={host} port={port} dbname=nowhere user=postgres password=geheim"
    with pytest.raises(DatabaseUnreachable, match="nowhere") as caught:
        attempt(open_engine(dsn, "tests", sessions=0), is_one)
    assert "geheim" not in str(caught.value)


async def test_a_reading_is_of_one_moment_and_can_write_nothing(database_dsn, sessions):
    async with pooled(database_dsn) as database:

        def twice(connection):
            query = text("SELECT count(*) FROM region")
            before = connection.execute(query).scalar_one()
            sessions.change("INSERT INTO region VALUES ('new', '')")
            return before, connection.execute(query).scalar_one()

        assert await database.read(twice) == (0, 0)
        with pytest.raises(DBAPIError, match="read-only"):
            await database.read(lambda c: c.execute(text("DELETE FROM region")))
        await database.run(lambda c: c.execute(text("DELETE FROM region")))
    assert sessions.rows("SELECT * FROM region") == []


@pytest.mark.deadline(120)
async def test_a_reading_may_think_for_longer_than_who_holds_locks(database_dsn):
    """Of 60,000 reservations it makes objects for more than the 2 s that others may be idle."""

    begun = []

    def slow_at_first(connection):
        begun.append(connection.execute(text("SELECT 1")).scalar_one())
        if len(begun) == 1:
            time.sleep(2.6)
        return connection.execute(text("SELECT 2")).scalar_one()

    async with pooled(database_dsn) as database:
        assert await database.read(slow_at_first) == 2
        assert begun == [1], "nobody ended it"
        begun.clear()
        assert await database.run(slow_at_first) == 2
        assert begun == [1, 1], "the session was ended, and its work done again in another one"


async def test_a_process_uses_three_sessions_for_any_number_of_transactions(database_dsn, sessions):
    async with pooled(database_dsn) as database:
        running = [
            Deferred.fromCoroutine(database.run(lambda c: (is_one(c), backend_of(c))[1]))
            for _ in range(50)
        ]
        assert len({await backend for backend in running}) <= POOL_SESSIONS
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test pool'"
        assert sessions.value(query) <= POOL_SESSIONS
    sessions.wait_for(f"SELECT 1 WHERE ({query}) = 0")


async def test_an_own_session_is_the_same_one_each_time_and_keeps_its_lock(database_dsn, sessions):
    lock = text("SELECT pg_try_advisory_lock(:key)")
    async with own_session(database_dsn) as own:
        assert await own.run(lambda c: c.execute(lock, {"key": LOCK}).scalar_one())
        backends = {await own.run(backend_of) for _ in range(5)}
        assert len(backends) == 1
        assert sessions.value("SELECT pg_try_advisory_lock(:key)", key=LOCK) is False
    sessions.wait_for("SELECT 1 WHERE pg_try_advisory_xact_lock(:key)", key=LOCK)


async def test_an_own_session_is_never_inside_a_transaction_between_its_uses(
    database_dsn, sessions
):
    async with own_session(database_dsn, "idler") as own:
        await own.run(lambda c: c.execute(text("INSERT INTO region VALUES ('seen', '')")))
        assert sessions.value("SELECT count(*) FROM region") == 1
        query = "SELECT state FROM pg_stat_activity WHERE application_name = 'idler'"
        assert sessions.value(query) == "idle"


async def test_an_own_session_that_was_ended_says_so_once_and_is_then_a_new_one(
    database_dsn, sessions
):
    async with own_session(database_dsn) as own:
        before = await own.run(backend_of)
        sessions.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=before)
        with pytest.raises(DatabaseUnreachable):
            await own.run(backend_of)
        assert await own.run(backend_of) != before


async def test_what_is_repeated_goes_on_through_an_outage(database_dsn, sessions):
    heard, failures = [], []
    async with own_session(database_dsn, "repeated") as own:
        own.repeat(0.01, backend_of, answered=heard.append, failed=failures.append)
        await until(lambda: len(heard) > 2)
        sessions.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=heard[0])
        await until(lambda: failures)
        failures[0].trap(DatabaseUnreachable)
        before = len(heard)
        await until(lambda: len(heard) > before + 2)
    assert len(failures) == 1
    assert len(set(heard)) == 2
    after = len(heard)
    await deferLater(reactor, 0.05)
    assert len(heard) == after, "closed, it goes on no more"


async def test_a_mistake_in_what_is_repeated_is_told_and_does_not_end_it(database_dsn):
    turns, failures = itertools.count(), []
    async with own_session(database_dsn) as own:
        own.repeat(0.01, lambda _: 1 / (next(turns) % 2), answered=int, failed=failures.append)
        await until(lambda: len(failures) > 3)
    for failure in failures:
        failure.trap(ZeroDivisionError)


@pytest.mark.deadline(120)
async def test_everything_answers_again_after_a_restart_of_the_server(own_postgres_server):
    dsn = own_postgres_server.dsn()
    async with pooled(dsn) as database, own_session(dsn) as own:
        assert await database.run(is_one)
        assert await own.run(is_one)
        await deferToThread(own_postgres_server.stop, "immediate")
        for ask in (database.run, database.read, own.run):
            with pytest.raises(DatabaseUnreachable):
                await ask(is_one)
        await deferToThread(own_postgres_server.start)
        assert await database.run(is_one)
        assert await database.read(is_one)
        assert await own.run(is_one)


@pytest.mark.deadline(120)
async def test_whoever_waits_for_a_server_that_hangs_is_released_by_hanging_up(
    own_postgres_server,
):
    database = PooledDatabase(own_postgres_server.dsn(), reactor, name="test")
    own, repeated = database.own_connection("own"), database.own_connection("beat")
    heard, failures = [], []
    repeated.repeat(0.01, is_one, answered=heard.append, failed=failures.append)
    assert await database.run(is_one)
    assert await own.run(is_one)
    await until(lambda: heard)
    await deferToThread(own_postgres_server.pause)
    waiting = [Deferred.fromCoroutine(ask(is_one)) for ask in (database.run, own.run)]
    database.hang_up()
    for asked in waiting:
        with pytest.raises(DatabaseUnreachable):
            await asked
    await until(lambda: failures)
    await own.close()
    await repeated.close()
    database.close()


def test_the_server_s_words_are_told_in_one_line(database_dsn):
    engine = open_engine(f"{database_dsn} connect_timeout=2 options='-c no=thing'", "t", sessions=0)
    with pytest.raises(DatabaseUnreachable) as caught:
        attempt(engine, is_one)
    assert "\n" not in str(caught.value)


def test_a_connection_setting_that_is_none_is_not_shown():
    engine = open_engine("host=127.0.0.1 password=half geheim", "tests", sessions=0)
    with pytest.raises(CannotEverWork) as caught:
        attempt(engine, is_one)
    told = caught.value
    while told is not None:
        assert "geheim" not in f"{told} {told!r}"
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)


async def until(condition, seconds=20.0):
    end = reactor.seconds() + seconds
    while not condition():
        assert reactor.seconds() < end, "did not happen in time"
        await deferLater(reactor, 0.01)


async def test_what_is_asked_after_the_end_is_refused_rather_than_waiting_for_ever(database_dsn):
    database = PooledDatabase(database_dsn, reactor, name="test")
    own = database.own_connection("own")
    assert await own.run(is_one)
    await own.close()
    await own.close()
    database.close()
    for ask in (own.run, database.run, database.read):
        with pytest.raises(DatabaseUnreachable, match="stopped"):
            await ask(is_one)
