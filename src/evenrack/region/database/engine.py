"""The two doors to PostgreSQL: a small pool for short transactions, and sessions of one's own.

Functions handed in are short, synchronous and never wait for anything but the database.
"""

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy
from sqlalchemy import Connection as Connection  # noqa: PLC0414  the one name others may need
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.database.sessions import READ_ONLY_STATE, STOPPED, Sessions, WatchedSession

Answer = TypeVar("Answer")

POOL_SESSIONS = 3
ATTEMPTS = 4
LOOK_SECONDS = 1.0
"""Between two looks at sessions that may hang."""

REPEATABLE_STATES = frozenset({"40001", "40P01", "55P03", "23503"})
"""Serialization failure, deadlock, lock not available: the same transaction may work now.

Also a foreign key violation: what a statement had just read, say a rack, was deleted before the
new row could refer to it. The next attempt finds nothing, and writes nothing.
"""

UNKNOWN_STATES = frozenset({"42P01", "42703"})
"""Undefined table, undefined column."""

IDLE_LIMIT = "idle_in_transaction_session_timeout"
SESSION_SETTINGS = {
    IDLE_LIMIT: "2s",
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

READING_MAY_TAKE = "20s"
"""So long a reading may make something of rows before it asks for more: nobody waits for it, and
hundred thousand reservations take seconds."""


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
    return _engine_over(Sessions(dsn), purpose, sessions=sessions)


def _engine_over(opened: Sessions, purpose: str, *, sessions: int) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg2://",
        creator=lambda: opened.connect(purpose),
        use_native_hstore=False,  # each new session would ask the catalogues for its type
        **(
            {"poolclass": QueuePool, "pool_size": sessions, "max_overflow": 0}
            if sessions
            else {"poolclass": NullPool}
        ),
    )

    @event.listens_for(engine, "connect")
    def _prepare(session: Any, _record: object) -> None:
        with session.cursor() as cursor:
            cursor.execute("; ".join(f"SET {n} = '{v}'" for n, v in SESSION_SETTINGS.items()))
        session.commit()

    @event.listens_for(engine, "handle_error")
    def _see_standby(context: ExceptionContext) -> None:
        if _comes_from_a_standby(context):
            context.is_disconnect = True  # every session of the pool leads there: open them anew

    return engine


class PooledDatabase:
    """`Database` over real threads and real sessions."""

    log = Logger()

    def __init__(
        self, dsn: str, reactor: Any, *, name: str, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._sessions = Sessions(dsn)
        self._reactor = reactor
        self._name = name
        self._engine = _engine_over(self._sessions, f"{name} pool", sessions=POOL_SESSIONS)
        self._closed = False
        self.on_hung: Callable[[], None] = _nothing
        """Called when sessions were cut off because the server hangs."""
        self._look_seconds = look_seconds
        self._looking = LoopingCall(self._cut_the_hung)
        self._looking.clock = reactor
        self._threads = ThreadPool(0, POOL_SESSIONS, name=f"{name} database")
        self._threads.start()

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        return await self._in_thread(lambda: attempt(self._engine, work))

    async def read(self, work: Callable[[Connection], Answer]) -> Answer:
        picture = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

        def reading(connection: Connection) -> Answer:
            connection.execute(text(f"SET LOCAL {IDLE_LIMIT} = '{READING_MAY_TAKE}'"))
            return work(connection)

        return await self._in_thread(lambda: attempt(picture, reading))

    @property
    def trouble(self) -> str | None:
        """Why changes do not get through, though questions may be answered."""
        return self._sessions.trouble

    def own_connection(self, purpose: str) -> OwnConnection:
        return ThreadedConnection(self._sessions, self._reactor, f"{self._name} {purpose}")

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        if self._closed:  # a pool that has ended would never answer
            raise DatabaseUnreachable(STOPPED)
        if not self._looking.running:
            self._looking.start(self._look_seconds, now=False)
        return cast("Answer", await deferToThreadPool(self._reactor, self._threads, work))

    def _cut_the_hung(self) -> None:
        cut = self._sessions.cut_the_hung()
        if cut:
            self.log.warn("PostgreSQL hangs: {cut} sessions were given up", cut=cut)
            self.on_hung()

    def hang_up(self) -> None:
        """End every session, also those of one's own: whoever waits hears that it is unreachable.

        Nothing can be asked afterwards.
        """
        self._sessions.hang_up()

    def close(self) -> None:
        """End every session and thread; nobody waits for an answer any more."""
        self._closed = True
        if self._looking.running:
            self._looking.stop()
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


def _comes_from_a_standby(context: ExceptionContext) -> bool:
    """Tell a server that takes no changes (any more) from a reading that wanted to write."""
    connection: Any = context.connection
    session = None if connection is None else connection.connection.dbapi_connection
    return (
        getattr(context.original_exception, "pgcode", None) == READ_ONLY_STATE
        and isinstance(session, WatchedSession)
        and not session.takes_changes
    )


def _may_work_now(problem: DBAPIError) -> bool:
    """Tell whether to run again: a conflict, or a session that had ended before it was used."""
    return (
        getattr(problem.orig, "pgcode", None) in REPEATABLE_STATES or problem.connection_invalidated
    )


def _says_unreachable(problem: DBAPIError) -> bool:
    """Tell whether it is the server or the way to it; some ends come as a plain DatabaseError."""
    return isinstance(problem, OperationalError | InterfaceError) or problem.connection_invalidated


def _nothing() -> None:
    """Do nothing until somebody wants to know."""


def _unreachable(problem: DBAPIError) -> DatabaseUnreachable:
    return DatabaseUnreachable(str(problem.orig).strip().splitlines()[0])
