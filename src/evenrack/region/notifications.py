"""Hears that something changed in the database, and asks everyone who wants to know to look."""

from collections.abc import Callable
from typing import Any, get_args

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable
from evenrack.region.database.listening import Listening
from evenrack.region.database.notify import Topic

RETRY_SECONDS = 1.0
TOPICS = frozenset(get_args(Topic))


class Notifications(Service):
    """Keeps one LISTEN session open; after each reconnect everyone looks: some were missed."""

    log = Logger()

    def __init__(self, dsn: str, reactor: Any, name: str) -> None:
        self._dsn = dsn
        self._reactor = reactor
        self._name = name
        self._listening = Listening(self._heard, self._lost)
        self._listeners: list[tuple[frozenset[str], Callable[[], None]]] = []
        self._retry: Any = None
        self._opening: Deferred[None] | None = None

    def on_change(self, look: Callable[[], None], *topics: Topic) -> None:
        """Call this whenever something about these topics, or about any, may have changed."""
        self._listeners.append((frozenset(topics), look))

    def reopen(self) -> None:
        """Open another session: the server of the present one hangs, or another took its place."""
        if self._listening.is_open:
            self._listening.close()
            self._lost()

    def startService(self) -> None:
        super().startService()
        self._open()

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._listening.close()
        return self._opening

    def _open(self) -> None:
        opening = Deferred.fromCoroutine(self._open_once())
        self._opening = None if opening.called else opening

    async def _open_once(self) -> None:
        try:
            await self._listening.open(self._dsn, self._reactor, self._name)
        except DatabaseUnreachable:
            self._lost()  # the beat says that the database is away; no second voice is needed
        else:
            if not self.running:
                self._listening.close()
            self._heard(set())
        self._opening = None

    def _heard(self, topics: set[str]) -> None:
        """Let those look whom it concerns; without a topic, or with one of another version, all."""
        concerns_all = not topics or not topics <= TOPICS
        for wanted, look in self._listeners:
            if concerns_all or not wanted or wanted & topics:
                look()

    def _lost(self) -> None:
        if self.running:
            self._retry = self._reactor.callLater(RETRY_SECONDS, self._open)
