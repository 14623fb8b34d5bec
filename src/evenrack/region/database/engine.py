"""The two doors to PostgreSQL: a small pool for short transactions, and sessions of one's own.

Functions handed in are short, synchronous and never wait for anything but the database.
"""

import threading
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

from evenrack.errors import DatabaseUnreachable

Answer = TypeVar("Answer")

POOL_SESSIONS = 3
CONNECT_SECONDS = 3
ATTEMPTS = 4

REPEATABLE_STATES = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available: the same transaction may work now."""

SESSION_SETTINGS = {
    "idle_in_transaction_session_timeout": "2s",
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "client_connection_check_interval": "1s",
}
"""A process that stops inside a transaction must not block the others for longer than this."""

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


def open_engine(dsn: str, purpose: str, *, sessions: int) -> sqlalchemy.Engine:
    """Make an engine whose sessions give up rather than wait for ever."""
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg2://",
        creator=lambda: connect(dsn, purpose),
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
    session: extensions.connection = psycopg2.connect(dsn, application_name=purpose, **keep_alive)
    return session


class PooledDatabase:
    """`Database` over real threads and real sessions."""

    def __init__(self, dsn: str, reactor: IReactorThreads, *, name: str) -> None:
        self._dsn = dsn
        self._reactor = reactor
        self._name = name
        self._engine = open_engine(dsn, f"{name} pool", sessions=POOL_SESSIONS)
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
        return ThreadedConnection(self._dsn, self._reactor, f"{self._name} {purpose}")

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        return cast("Answer", await deferToThreadPool(self._reactor, self._threads, work))

    def close(self) -> None:
        """Wait for what runs, then end every session of the pool."""
        self._threads.stop()
        self._engine.dispose()


class ThreadedConnection:
    """`OwnConnection` over one real thread and one real session."""

    def __init__(self, dsn: str, reactor: Any, purpose: str) -> None:
        self._reactor = reactor
        self._engine = open_engine(dsn, purpose, sessions=0).execution_options(
            isolation_level="AUTOCOMMIT"
        )
        self._session: Connection | None = None
        self._stop = threading.Event()
        self._threads = ThreadPool(0, 1, name=purpose)
        self._threads.start()

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
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
        self._stop.set()
        await deferToThreadPool(self._reactor, self._threads, self._drop)
        self._threads.stop()

    def _on_session(self, work: Callable[[Connection], Answer]) -> Answer:
        try:
            if self._session is None:
                self._session = self._engine.connect()
            return work(self._session)
        except (OperationalError, InterfaceError) as problem:
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
            if isinstance(problem, OperationalError | InterfaceError):
                raise _unreachable(problem) from problem
            raise
    raise AssertionError("the last attempt returns or raises")


def _may_work_now(problem: DBAPIError) -> bool:
    """Tell whether to run again: a conflict, or a session that had ended before it was used."""
    return (
        getattr(problem.orig, "pgcode", None) in REPEATABLE_STATES or problem.connection_invalidated
    )


def _unreachable(problem: DBAPIError) -> DatabaseUnreachable:
    return DatabaseUnreachable(str(problem.orig).strip().splitlines()[0])
