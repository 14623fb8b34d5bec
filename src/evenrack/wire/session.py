"""One end of a link between a rack and a region process.

The link survives bad commands and bugs; it ends when the other end is silent too long or sends
bytes that are no AMP.
"""

from typing import Any, cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from evenrack.wire.answers import Answers

SHORTEST_CHECK_SECONDS = 0.01
"""So that a rounding error does not make the check call itself at once, again and again."""


class LinkEnd(Answers, amp.AMP):
    """AMP that watches for silence and never lets a bad peer's bytes raise into the reactor."""

    log = Logger()

    def __init__(self, clock: IReactorTime, *, silence_seconds: float) -> None:
        super().__init__()
        self.clock = clock
        self.peer_address = "unknown"
        self.is_open = False
        self._silence_seconds = silence_seconds
        self._heard_at = clock.seconds()
        self._silence_check: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.is_open = True
        self.peer_address = _address_of(self.transport)
        self._heard_at = self.clock.seconds()
        self._watch_silence()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_open = False
        if self._silence_check is not None and self._silence_check.active():
            self._silence_check.cancel()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        self._heard_at = self.clock.seconds()
        try:
            super().dataReceived(data)
        except Exception as problem:  # noqa: BLE001  AMP lets some malformed boxes escape as exceptions
            self.cut(f"sent bytes that are no AMP ({type(problem).__name__})")

    def unhandledError(self, failure: Failure) -> None:
        """Close the link when an answer could not be sent or made; AMP asks here."""
        self.cut(f"conversation failed: {failure.getErrorMessage()}")

    def cut(self, reason: str) -> None:
        """End the link now, with a reason in the log."""
        if self.is_open:
            self.log.warn(
                "cutting the link to {peer}: {reason}", peer=self.peer_address, reason=reason
            )
            self.abort()

    def abort(self) -> None:
        """End the link now; nothing that waits to be sent is sent."""
        if self.is_open:
            cast("ITCPTransport", self.transport).abortConnection()

    def close(self) -> None:
        """End the link when all that was said has been sent."""
        if self.is_open:
            cast("ITCPTransport", self.transport).loseConnection()

    def _watch_silence(self) -> None:
        silent = self.clock.seconds() - self._heard_at
        if silent >= self._silence_seconds:
            self.cut(f"nothing heard for {silent:.1f} s")
            return
        self._silence_check = self.clock.callLater(
            max(self._silence_seconds - silent, SHORTEST_CHECK_SECONDS), self._watch_silence
        )


def _address_of(transport: Any) -> str:
    peer = transport.getPeer()
    host = getattr(peer, "host", None)
    return str(peer) if host is None else f"{host}:{peer.port}"
