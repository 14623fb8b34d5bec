"""Hears that something changed in the database, and asks everyone who wants to know to look."""

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable
from evenrack.region.database.listening import Listening

RETRY_SECONDS = 1.0


class Notifications(Service):
    """Keeps one LISTEN session open; after each reconnect everyone looks: some were missed."""

    log = Logger()

    def __init__(self, dsn: str, reactor: Any, name: str) -> None:
        self._dsn = dsn
        self._reactor = reactor
        self._name = name
        self._listening = Listening(self._heard, self._lost)
        self._listeners: list[Callable[[], None]] = []
        self._retry: Any = None
        self._opening: Deferred[None] | None = None

    def on_change(self, look: Callable[[], None]) -> None:
        """Call this whenever something may have changed."""
        self._listeners.append(look)

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
            self._heard()
        self._opening = None

    def _heard(self) -> None:
        for look in self._listeners:
            look()

    def _lost(self) -> None:
        if self.running:
            self._retry = self._reactor.callLater(RETRY_SECONDS, self._open)
