"""Hears PostgreSQL's notifications on a session of its own, watched by the reactor.

psycopg2 closes its socket inside poll(), where an epoll reactor would keep a stale descriptor, so
the reactor watches a duplicate.
"""

import os
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2 import extensions
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from evenrack.errors import DatabaseUnreachable
from evenrack.region.database.notify import CHANNEL
from evenrack.region.database.sessions import connect


@implementer(IReadDescriptor)
class Listening:
    """One LISTEN session; says `heard` with the topics of notifications, `lost` when it ends."""

    log = Logger()

    def __init__(self, heard: Callable[[set[str]], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._session: extensions.connection | None = None
        self._descriptor = -1
        self._reactor: Any = None

    @property
    def is_open(self) -> bool:
        return self._session is not None

    async def open(self, dsn: str, reactor: Any, name: str) -> None:
        """Connect in a thread, then listen; DatabaseUnreachable when nothing answers."""
        thread = ThreadPool(0, 1, name=f"{name} listen")
        thread.start()
        try:
            session = await deferToThreadPool(reactor, thread, _listen, dsn, name)
        except psycopg2.Error as problem:
            raise DatabaseUnreachable(str(problem).strip()) from problem
        finally:
            thread.stop()
        self._reactor = reactor
        self._session = session
        self._descriptor = os.dup(session.fileno())
        reactor.addReader(self)

    def close(self) -> None:
        """Stop listening without saying `lost`."""
        session, self._session = self._session, None
        if session is not None:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            session.close()

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "notifications"

    def doRead(self) -> None:
        session = self._session
        if session is None:
            return
        try:
            session.poll()
        except psycopg2.Error:
            self._end()
            return
        topics = {notification.payload for notification in session.notifies}
        session.notifies.clear()
        if topics:
            self._heard(topics)

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002  the reactor asks so
        self._end()

    def _end(self) -> None:
        if self._session is not None:
            self.close()
            self._lost()


def _listen(dsn: str, name: str) -> extensions.connection:
    session = connect(dsn, f"{name} listen")
    session.autocommit = True
    with session.cursor() as cursor:
        cursor.execute(f'LISTEN "{CHANNEL}"')
    return session
