"""An HTTP connection that must send each request in good time, and say who it is soon."""

from typing import Any

from twisted.web.http import HTTPChannel

REQUEST_SECONDS = 10.0
"""From a request's first byte to its last; from a connection's begin, TLS included, to the end of
its first request."""


class TimelyChannel(HTTPChannel):
    """Twisted's channel, which alone would wait for ever for one who sends a byte a minute."""

    request_seconds = REQUEST_SECONDS
    _cutting: Any = None

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

    def allContentReceived(self) -> None:  # noqa: N802  Twisted calls it so
        self._end()
        super().allContentReceived()

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]  # Twisted has no default either
        self._end()
        super().connectionLost(reason)

    def _begin(self) -> None:
        if self._cutting is None:
            self._cutting = self.callLater(self.request_seconds, self._cut)

    def _end(self) -> None:
        if self._cutting is not None and self._cutting.active():
            self._cutting.cancel()
        self._cutting = None

    def _cut(self) -> None:
        self._cutting = None
        self.transport.abortConnection()  # type: ignore[union-attr]  # it is connected, over TCP
