"""An HTTP connection that must send each request in good time, and say who it is soon.

Who has shown no token gets one answer, and no time to hold the connection after it.
"""

from typing import Any

from twisted.web.http import HTTPChannel

REQUEST_SECONDS = 10.0
"""From a request's first byte to its last; from a connection's begin, TLS included, to the end of
its first request."""

CLOSING_SECONDS = 1.0
"""So long one who showed no token may take its answer, which is short, and agree to the end."""

KNOWN_CLOSING_SECONDS = 60.0
"""So long one with a token may: an answer may be large, and its way slow."""


class TimelyChannel(HTTPChannel):
    """Twisted's channel, which alone would wait for ever for one who sends a byte a minute."""

    request_seconds = REQUEST_SECONDS
    closing_seconds = CLOSING_SECONDS
    _cutting: Any = None
    _closing: Any = None

    @property
    def asked_path(self) -> bytes:
        """Give the path of the request that comes in, before all of it is there."""
        path: bytes = self._path
        return path.partition(b"?")[0]

    def connectionMade(self) -> None:
        super().connectionMade()
        self._begin()

    def dataReceived(self, data: bytes) -> None:
        if not self._handlingRequest:
            self._begin()
        super().dataReceived(data)

    def trust(self) -> None:
        """Let whoever is there ask again, and take long answers: it was found out who it is."""
        self.closing_seconds = KNOWN_CLOSING_SECONDS

    def answer_no_more(self) -> None:
        """End the connection after the answer to the request that is there."""
        self.persistent = False

    def loseConnection(self) -> None:  # noqa: N802  Twisted calls it so
        """End the connection when all is sent; TLS alone would wait for the other end for ever."""
        if self._closing is None:
            self._closing = self.callLater(self.closing_seconds, self._cut)
        super().loseConnection()

    def allContentReceived(self) -> None:  # noqa: N802  Twisted calls it so
        self._end()
        super().allContentReceived()

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]  # Twisted has no default either
        self._end()
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        super().connectionLost(reason)

    def _begin(self) -> None:
        if self._cutting is None:
            self._cutting = self.callLater(self.request_seconds, self._cut)

    def _end(self) -> None:
        if self._cutting is not None and self._cutting.active():
            self._cutting.cancel()
        self._cutting = None

    def _cut(self) -> None:
        self._end()
        self.transport.abortConnection()  # type: ignore[union-attr]  # it is connected, over TCP
