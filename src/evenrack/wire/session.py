"""One end of a link between a rack and a region process.

The link survives bad commands and bugs; it ends when the other end is silent too long or sends
bytes that are no AMP.
"""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from evenrack.wire.answers import Answers

BOX_OVERHEAD = 4
"""Bytes that AMP adds to each key and value."""

SHORTEST_CHECK_SECONDS = 0.01
"""So that a rounding error does not make the check call itself at once, again and again."""

CLOSING_SECONDS = 1.0
"""So long the other end may take to hear what was said, and to agree that the link ends."""


class LinkEnd(Answers, amp.AMP):
    """AMP that watches for silence and never lets a bad peer's bytes raise into the reactor.

    A peer that sends a box larger than `most_box_bytes`, or has more than `most_pending` commands
    that wait for their answers, or twice `most_box_bytes` in them, is cut: what one peer may make
    us hold is bounded.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        *,
        silence_seconds: float,
        most_box_bytes: int,
        most_pending: int,
    ) -> None:
        super().__init__()
        self.most_box_bytes = most_box_bytes
        self._most_pending = most_pending
        self.is_cut = False
        """Nothing more that the peer sent, not even in the same packet, is obeyed."""
        self._box_bytes = 0
        self._pending = 0
        self._pending_bytes = 0
        self._arrived_bytes = 0
        self.clock = clock
        self.peer_address = "unknown"
        self.is_open = False
        self._silence_seconds = silence_seconds
        self._heard_at = clock.seconds()
        self._silence_check: IDelayedCall | None = None
        self._closing: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.is_open = True
        self.peer_address = _address_of(self.transport)
        self._heard_at = self.clock.seconds()
        self._watch_silence()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_open = False
        self.allow_silence()
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        self._heard_at = self.clock.seconds()
        try:
            super().dataReceived(data)
        except Exception as problem:  # noqa: BLE001  AMP lets some malformed boxes escape as exceptions
            self.cut(f"sent bytes that are no AMP ({type(problem).__name__})")

    def stringReceived(self, string: bytes) -> Any:
        """Take a key or a value, if the box is not too large with it; AMP calls this."""
        if self.is_cut:
            return None
        self._box_bytes += len(string) + BOX_OVERHEAD
        if self._box_bytes > self.most_box_bytes:
            self.cut(f"sent a box of more than {self.most_box_bytes} bytes")
            return None
        return super().stringReceived(string)

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        self._arrived_bytes, self._box_bytes = self._box_bytes, 0
        super().ampBoxReceived(box)

    def locateResponder(self, name: bytes) -> Callable[[Any], Deferred[Any]] | None:
        """Find the answer to a command; a peer that has too many unanswered ones is cut."""
        if self.is_cut or name == amp.StartTLS.commandName:
            return None  # AMP would begin TLS within TLS for whoever asks
        if self._pending >= self._most_pending:
            self.cut(f"has {self._pending} commands that are not answered yet")
            return None
        if self._pending_bytes + self._arrived_bytes > 2 * self.most_box_bytes:
            self.cut(f"has {self._pending_bytes} bytes in commands that are not answered yet")
            return None
        found = super().locateResponder(name)
        return None if found is None else self._counted(found)

    def _counted(self, answer: Callable[[Any], Deferred[Any]]) -> Callable[[Any], Deferred[Any]]:
        size = self._arrived_bytes  # AMP looks for the answer to the box that has just arrived

        def counting(box: amp.AmpBox) -> Deferred[Any]:
            self._pending += 1
            self._pending_bytes += size
            answering = answer(box)
            answering.addBoth(self._answered, size)
            return answering

        return counting

    def _answered(self, result: Any, size: int) -> Any:
        self._pending -= 1
        self._pending_bytes -= size
        return result

    def unhandledError(self, failure: Failure) -> None:
        """Close the link when an answer could not be sent or made; AMP asks here."""
        self.cut(f"conversation failed: {failure.getErrorMessage()}")

    def cut(self, reason: str) -> None:
        """End the link now, with a reason in the log."""
        if self.is_open and not self.is_cut:
            self.log.warn(
                "cutting the link to {peer}: {reason}", peer=self.peer_address, reason=reason
            )
            self.abort()

    def abort(self) -> None:
        """End the link now; nothing that waits to be sent is sent."""
        if self.is_open:
            self.is_cut = True
            cast("ITCPTransport", self.transport).abortConnection()

    def close(self) -> None:
        """End the link when all that was said has been sent, and soon in any case.

        TLS waits for the other end to agree, and would wait for ever.
        """
        if self.is_open and self._closing is None:
            self._closing = self.clock.callLater(CLOSING_SECONDS, self.abort)
            cast("ITCPTransport", self.transport).loseConnection()

    @property
    def silence(self) -> float:
        """Give how long nothing was heard, as a share of the time after which that ends it."""
        return (self.clock.seconds() - self._heard_at) / self._silence_seconds

    def allow_silence(self) -> None:
        """Watch no more: what the peer came for is said, and the rest is our affair."""
        if self._silence_check is not None and self._silence_check.active():
            self._silence_check.cancel()

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
