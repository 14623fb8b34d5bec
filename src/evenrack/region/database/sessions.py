"""Opens sessions to the PostgreSQL server that takes changes, and ends those nobody answers.

The setting may name several servers, of which one is the primary. Whoever opens a session anew
tries them in turn, and so finds the primary by itself.
"""

import contextlib
import os
import socket
import weakref
from collections.abc import Iterator
from typing import Any

import psycopg2
from attrs import define
from psycopg2 import extensions

from evenrack.errors import CannotEverWork

CONNECT_SECONDS = 3
"""For each server in turn; one that is cut off must not keep libpq from the next."""
MOST_NAME_CHARACTERS = 63
"""Of a session's name; PostgreSQL cuts off the rest, with a notice."""
HUNG_LOOKS = 12
"""A session in the same step at so many looks is hung. Looks come each second; the server itself
ends a statement after 5 s and a wait for a lock after 2 s."""

SLOW_LOOKS = 7
"""A session in the same step at so many looks waits for what the server cannot give now."""
REMEMBER_LOOKS = 15
"""How long it is said afterwards: whoever was cut off tries again, and waits again."""

STOPPED = "this process is being stopped"

READ_ONLY_STATE = "25006"
"""A change was asked of a session that takes none."""

WHEN_NOT_SET: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
    "target_session_attrs": "read-write",
}
"""What libpq is told where the operator's setting does not say otherwise."""

_PLACE = ("host", "hostaddr", "port")
"""What libpq takes a list of, with a comma between."""
_TAKES_CHANGES = ("read-write", "primary", "any")


class WatchedSession(extensions.connection):
    """One session that counts its steps: an odd number while it waits for the server."""

    step: int = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count what is done inside as one step."""
        self.step += 1
        try:
            yield
        finally:
            self.step += 1

    def commit(self) -> None:
        with self.waiting():
            super().commit()

    def rollback(self) -> None:
        with self.waiting():
            super().rollback()

    @property
    def takes_changes(self) -> bool:
        """Whether the server says so; it tells each session when that changes."""
        said = (self.get_parameter_status(name) for name in _SAY_NO)
        return "on" not in said

    def cut(self) -> None:
        """Let whoever waits for the server hear that it is gone."""
        with (
            contextlib.suppress(psycopg2.Error, OSError),  # ended already
            socket.socket(fileno=os.dup(self.fileno())) as descriptor,
        ):
            descriptor.shutdown(socket.SHUT_RDWR)


_SAY_NO = ("in_hot_standby", "default_transaction_read_only")


class _WatchedCursor(extensions.cursor):
    connection: WatchedSession

    def execute(self, *arguments: Any) -> None:
        with self.connection.waiting():
            super().execute(*arguments)


@define
class _Look:
    step: int
    times: int = 0


class Sessions:
    """Every open session to one database, so that they can be ended under those who wait."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._open: weakref.WeakSet[WatchedSession] = weakref.WeakSet()
        self._looks: weakref.WeakKeyDictionary[WatchedSession, _Look] = weakref.WeakKeyDictionary()
        self._hung_up = False
        self._looks_since_slow = REMEMBER_LOOKS

    @property
    def trouble(self) -> str | None:
        """Why changes do not get through, though the server may answer questions."""
        if self._looks_since_slow >= REMEMBER_LOOKS:
            return None
        return (
            "PostgreSQL takes changes and does not finish them: it hangs, or its primary waits for "
            "a synchronous standby"
        )

    def connect(self, purpose: str) -> WatchedSession:
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
            session.cut()

    def cut_the_hung(self) -> int:
        """End those that wait for the same answer since many calls; say how many they were.

        A host that is gone is noticed by keep-alive. A server that hangs on a host that lives is
        not, nor is a commit that waits for a standby which does not come.
        """
        waited = {session: self._looks_in_vain(session) for session in list(self._open)}
        slow = any(looks >= SLOW_LOOKS for looks in waited.values())
        self._looks_since_slow = 0 if slow else min(self._looks_since_slow + 1, REMEMBER_LOOKS)
        hung = [session for session, looks in waited.items() if looks > HUNG_LOOKS]
        for session in hung:
            session.cut()
        return len(hung)

    def _looks_in_vain(self, session: WatchedSession) -> int:
        """Say at how many looks the session was seen waiting for the same answer."""
        step = session.step
        if step % 2 == 0:
            return 0
        look = self._looks.get(session)
        if look is None or look.step != step:
            look = self._looks[session] = _Look(step)
        look.times += 1
        return look.times


def connect(dsn: str, purpose: str) -> WatchedSession:
    """Open one session that notices when the server's host is gone.

    With several servers libpq would stop at the first that answers and refuses, say a standby that
    has no free session, though the next may be the primary.
    """
    name = purpose[:MOST_NAME_CHARACTERS]
    refusals = []
    try:
        given = extensions.parse_dsn(dsn)
        unset = {key: value for key, value in WHEN_NOT_SET.items() if key not in given}
        for server in _servers(given):
            try:
                return _open(dsn, application_name=name, **unset, **server)
            except psycopg2.OperationalError as refusal:
                refusals.append(refusal)
    except psycopg2.ProgrammingError:
        raise CannotEverWork(setting_problem(dsn) or "the database refused its setting") from None
    if len(refusals) == 1:
        raise refusals[0]
    raise psycopg2.OperationalError("; ".join(str(each).splitlines()[0] for each in refusals))


def _open(dsn: str, **settings: Any) -> WatchedSession:
    session: WatchedSession = psycopg2.connect(
        dsn, connection_factory=WatchedSession, cursor_factory=_WatchedCursor, **settings
    )
    return session


def _servers(given: dict[str, str]) -> list[dict[str, str]]:
    """Give for each server what names it alone."""
    lists = {name: given[name].split(",") for name in _PLACE if name in given}
    count = max((len(values) for values in lists.values()), default=1)
    return [
        {name: values[number % len(values)] for name, values in lists.items()}
        for number in range(count)
    ]


def setting_problem(dsn: str) -> str | None:
    """Tell what is wrong with a connection string without showing it: it may hold a password."""
    try:
        given = extensions.parse_dsn(dsn)
    except psycopg2.ProgrammingError:
        return (
            "is no libpq connection string, such as "
            "host=/run/postgresql dbname=evenrack user=evenrack; quote values that have spaces"
        )
    return _hosts_problem(given) or _target_problem(given.get("target_session_attrs", "any"))


def _hosts_problem(given: dict[str, str]) -> str | None:
    """Tell when there are neither as many ports as hosts nor one for all."""
    hosts, ports = (str(given.get(name, "")).split(",") for name in ("host", "port"))
    if len(ports) in (1, len(hosts)):
        return None
    return f"names {len(hosts)} hosts and {len(ports)} ports: give one port for all or one for each"


def _target_problem(target: str) -> str | None:
    if target in _TAKES_CHANGES:
        return None
    return "has a target_session_attrs that finds no primary: write target_session_attrs=read-write"
