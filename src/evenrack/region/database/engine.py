"""The two doors to PostgreSQL: a small pool for short transactions, and sessions of one's own.

Functions handed in are short, synchronous and never wait for anything but the database.
"""

import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import psycopg2
import sqlalchemy
from psycopg2 import extensions
from sqlalchemy import Connection as Connection  # noqa: PLC0414  the one name others may need
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from evenrack.errors import CannotEverWork, DatabaseUnreachable, SchemaMismatch

Answer = TypeVar("Answer")

POOL_SESSIONS = 3
CONNECT_SECONDS = 3
ATTEMPTS = 4
MOST_NAME_CHARACTERS = 63
"""Of a session's name; PostgreSQL cuts off the rest, with a notice."""

STOPPED = "this process is being stopped"

REPEATABLE_STATES = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available: the same transaction may work now."""

UNKNOWN_STATES = frozenset({"42P01", "42703"})
"""Undefined table, undefined column."""

SESSION_SETTINGS = {
    "idle_in_transaction_session_timeout": "2s",
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "client_connection_check_interval": "1s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "5s",
}
"""A process that stops inside a transaction must not block the others for longer than this.

The last four let the server notice a process that is cut off, and drop its sessions with the
locks that they hold; without them it would wait for two hours. A unix socket has no use for them.
"""

KEEP_ALIVE = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}


class OwnConnection(Protocol):
    """One PostgreSQL session in autocommit with a thread of its own."""

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run on this session, connecting first when needed; DatabaseUnreachable when it ends."""

    def repeat(
        self,
        seconds: float,
        work: Callable[[Connection], Answer],
        *,
        answered: Callable[[Answer], None],
        failed: Callable[[Failure], None],
    ) -> None:
        """Run again and again without the reactor's help; tell each outcome on the reactor."""

    async def close(self) -> None:
        """End the session and its thread."""


class Database(Protocol):
    """What the rest of the region knows of PostgreSQL."""

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run one transaction; it may be run again, so it must be safe to repeat."""

    async def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run on one unchanging picture of the tables, without writing."""

    def own_connection(self, purpose: str) -> OwnConnection:
        """Open the other door: a session that stays."""


class Sessions:
    """Every open session to one database, so that all can be ended under those who wait."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._open: weakref.WeakSet[extensions.connection] = weakref.WeakSet()
        self._hung_up = False

    def connect(self, purpose: str) -> extensions.connection:
        """Open one more, unless the end has come."""
        if self._hung_up:
            raise psycopg2.OperationalError(STOPPED)
        session = connect(self._dsn, purpose)
        self._open.add(session)
        return session

    def hang_up(self) -> None:
        """End them all now: whoever waits for a server that hangs waits no longer."""
        self._hung_up = True
        for session in list(self._open):
            with (
                contextlib.suppress(psycopg2.Error, OSError),  # ended already
                socket.socket(fileno=os.dup(session.fileno())) as descriptor,
            ):
                descriptor.shutdown(socket.SHUT_RDWR)


def open_engine(dsn: str, purpose: str, *, sessions: int) -> sqlalchemy.Engine:
    """Make an engine whose sessions give up rather than wait for ever."""
    return _engine_over(Sessions(dsn), purpose, sessions=sessions)


def _engine_over(opened: Sessions, purpose: str, *, sessions: int) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg2://",
        creator=lambda: opened.connect(purpose),
        **(
            {"poolclass": QueuePool, "pool_size": sessions, "max_overflow": 0}
            if sessions
            else {"poolclass": NullPool}
        ),
    )

    @event.listens_for(engine, "connect")
    def _prepare(session: Any, _record: object) -> None:
        with session.cursor() as cursor:
            for name, value in SESSION_SETTINGS.items():
                cursor.execute(f"SET {name} = '{value}'")
        session.commit()

    return engine


def connect(dsn: str, purpose: str) -> extensions.connection:
    """Open one session that notices when the server's host is gone."""
    keep_alive: dict[str, Any] = {**KEEP_ALIVE}
    name = purpose[:MOST_NAME_CHARACTERS]
    try:
        session: extensions.connection = psycopg2.connect(dsn, application_name=name, **keep_alive)
    except psycopg2.ProgrammingError:
        raise CannotEverWork(setting_problem(dsn) or "the database refused its setting") from None
    return session


def setting_problem(dsn: str) -> str | None:
    """Tell what is wrong with a connection string without showing it: it may hold a password."""
    try:
        extensions.parse_dsn(dsn)
    except psycopg2.ProgrammingError:
        return (
            "is no libpq connection string, such as "
            "host=/run/postgresql dbname=evenrack user=evenrack; quote values that have spaces"
        )
    return None


class PooledDatabase:
    """`Database` over real threads and real sessions."""

    def __init__(self, dsn: str, reactor: IReactorThreads, *, name: str) -> None:
        self._sessions = Sessions(dsn)
        self._reactor = reactor
        self._name = name
        self._engine = _engine_over(self._sessions, f"{name} pool", sessions=POOL_SESSIONS)
        self._closed = False
        self._threads = ThreadPool(0, POOL_SESSIONS, name=f"{name} database")
        self._threads.start()

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        return await self._in_thread(lambda: attempt(self._engine, work))

    async def read(self, work: Callable[[Connection], Answer]) -> Answer:
        picture = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        return await self._in_thread(lambda: attempt(picture, work))

    def own_connection(self, purpose: str) -> OwnConnection:
        return ThreadedConnection(self._sessions, self._reactor, f"{self._name} {purpose}")

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        if self._closed:  # a pool that has ended would never answer
            raise DatabaseUnreachable(STOPPED)
        return cast("Answer", await deferToThreadPool(self._reactor, self._threads, work))

    def hang_up(self) -> None:
        """End every session, also those of one's own: whoever waits hears that it is unreachable.

        Nothing can be asked afterwards.
        """
        self._sessions.hang_up()

    def close(self) -> None:
        """End every session and thread; nobody waits for an answer any more."""
        self._closed = True
        self.hang_up()
        self._threads.stop()
        self._engine.dispose()


class ThreadedConnection:
    """`OwnConnection` over one real thread and one real session."""

    def __init__(self, opened: Sessions, reactor: Any, purpose: str) -> None:
        self._reactor = reactor
        self._engine = _engine_over(opened, purpose, sessions=0).execution_options(
            isolation_level="AUTOCOMMIT"
        )
        self._session: Connection | None = None
        self._stop = threading.Event()
        self._threads = ThreadPool(0, 1, name=purpose)
        self._threads.start()

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        if self._stop.is_set():
            raise DatabaseUnreachable(STOPPED)
        return cast(
            "Answer", await deferToThreadPool(self._reactor, self._threads, self._on_session, work)
        )

    def repeat(
        self,
        seconds: float,
        work: Callable[[Connection], Answer],
        *,
        answered: Callable[[Answer], None],
        failed: Callable[[Failure], None],
    ) -> None:
        def each_time() -> None:
            while not self._stop.is_set():
                try:
                    answer = self._on_session(work)
                except Exception:  # noqa: BLE001  whatever it is, the reactor decides
                    self._reactor.callFromThread(failed, Failure())
                else:
                    self._reactor.callFromThread(answered, answer)
                self._stop.wait(seconds)

        self._threads.callInThread(each_time)

    async def close(self) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        await deferToThreadPool(self._reactor, self._threads, self._drop)
        self._threads.stop()

    def _on_session(self, work: Callable[[Connection], Answer]) -> Answer:
        try:
            if self._session is None:
                self._session = self._engine.connect()
            return work(self._session)
        except DBAPIError as problem:
            if not _says_unreachable(problem):
                raise
            self._drop()  # what the session held (a lock, a setting) is gone with it: start anew
            raise _unreachable(problem) from problem

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()
            session.close()


def attempt(engine: sqlalchemy.Engine, work: Callable[[Connection], Answer]) -> Answer:
    """Run one transaction, again when PostgreSQL says that this may help."""
    for left in reversed(range(ATTEMPTS)):
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as problem:
            if left and _may_work_now(problem):
                continue
            if _says_unreachable(problem):
                raise _unreachable(problem) from problem
            if getattr(problem.orig, "pgcode", None) in UNKNOWN_STATES:
                raise SchemaMismatch(
                    "the database has another schema than this program, or none: "
                    "run `evenrack-regiond migrate`"
                ) from problem
            raise
    raise AssertionError("the last attempt returns or raises")


def _may_work_now(problem: DBAPIError) -> bool:
    """Tell whether to run again: a conflict, or a session that had ended before it was used."""
    return (
        getattr(problem.orig, "pgcode", None) in REPEATABLE_STATES or problem.connection_invalidated
    )


def _says_unreachable(problem: DBAPIError) -> bool:
    """Tell whether it is the server or the way to it; some ends come as a plain DatabaseError."""
    return isinstance(problem, OperationalError | InterfaceError) or problem.connection_invalidated


def _unreachable(problem: DBAPIError) -> DatabaseUnreachable:
    return DatabaseUnreachable(str(problem.orig).strip().splitlines()[0])
