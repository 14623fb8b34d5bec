"""One link that is made again whenever it ends.

Twisted's ClientService does the same, but its state machine has no answer to a connection that
ends while `prepareConnection` (our handshake and hello) still runs, or after it failed.
"""

from collections.abc import Awaitable, Callable
from typing import cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from evenrack.rack.region_session import RegionSession
from evenrack.runtime.backoff import next_delay

STEADY_SECONDS = 5.0
"""A link that was up for so long is made again at once; one that ended sooner is a failure."""


class KeptLink(Service):
    """Dials, introduces itself, waits for the end, and begins again after a growing pause."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        make_session: Callable[[], RegionSession],
        introduce: Callable[[RegionSession], Awaitable[None]],
        failed: Callable[[Exception], None],
        clock: IReactorTime,
        jitter: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._factory = _SessionFactory(make_session)
        self._introduce = introduce
        self._failed = failed
        self._clock = clock
        self._jitter = jitter
        self._keeping: Deferred[None] | None = None

    def startService(self) -> None:
        super().startService()
        self._keeping = Deferred.fromCoroutine(self._keep())

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
        return keeping

    async def _keep(self) -> None:
        attempt = 0
        while self.running:
            attempt += 1
            up_since = float("inf")
            try:
                session = await self._connect()
                up_since = self._clock.seconds()
                await _end_of(session)
            except CancelledError:
                pass  # stopped, or a time limit that was told of already
            except Exception as problem:  # noqa: BLE001  whatever it is, the next try may work
                if self.running:
                    self._failed(problem)
            if self._clock.seconds() - up_since >= STEADY_SECONDS:
                attempt = 1
            if self.running:
                await self._pause(next_delay(attempt, self._jitter))

    async def _connect(self) -> RegionSession:
        """Give a session that has said hello; one that could not is closed."""
        session = cast("RegionSession", await self._endpoint.connect(self._factory))
        try:
            await self._introduce(session)
        except BaseException:
            session.abort()
            raise
        return session

    async def _pause(self, seconds: float) -> None:
        try:
            await deferLater(self._clock, seconds)
        except CancelledError:
            return  # stopped; the loop sees it


async def _end_of(session: RegionSession) -> None:
    """Wait until the link ends; who is stopped meanwhile ends it."""
    try:
        await session.ended
    finally:
        session.close()


class _SessionFactory(Factory):
    """Makes the rack's end of each new link."""

    noisy = False

    def __init__(self, make: Callable[[], RegionSession]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> Protocol:  # noqa: ARG002  Twisted asks so
        return self._make()
