"""Connections to one BMC over TLS: each says so much and no more, and none outlives its use."""

import struct
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_USER_TIMEOUT
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IProtocolFactory, IStreamClientEndpoint
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from evenrack.model.power import BmcAccess
from evenrack.rack.power.rest.trust import BmcTrust

CONNECT_SECONDS: Final = 4.0
MOST_BYTES: Final = 256 << 10
"""On one connection, all that a BMC says to one request: what comes after it ends that. To read so
much JSON takes the reactor some 30 ms at worst."""

UNHEARD_MILLISECONDS: Final = 9000
"""What the BMC's host has not acknowledged for so long ends the connection."""

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""For SO_LINGER: what is still to be sent when the connection ends is thrown away."""

_CLOSED: Final = Failure(ConnectionDone())


@implementer(IHandshakeListener)
class _Line(ProtocolWrapper):
    """One connection, inside TLS: hears so much and no more."""

    def __init__(self, factory: Any, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.lost: Deferred[None] = Deferred()
        self.left = MOST_BYTES
        self.is_secret = False
        """Whether the BMC has shown its certificate, and may have heard something."""

    def handshakeCompleted(self) -> None:  # noqa: N802  Twisted's name
        self.is_secret = True

    def dataReceived(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            self.abortConnection()
        else:
            super().dataReceived(data)

    def listen_again(self) -> None:
        """Hear as much again, unless it has said too much before."""
        if self.left >= 0:
            self.left = MOST_BYTES

    def connectionLost(self, reason: Failure = _CLOSED) -> None:
        super().connectionLost(reason)
        self.lost.callback(None)


class _LineFactory(WrappingFactory[_Line]):
    noisy = False
    protocol = _Line

    def doStart(self) -> None:  # noqa: N802  Twisted's name
        """Start nothing: the factory inside would only log that it has been started."""

    def doStop(self) -> None:  # noqa: N802  Twisted's name
        """Stop nothing, as above."""


@implementer(IAgentEndpointFactory)
class Lines:
    """Makes the connections of one conversation, and knows them."""

    def __init__(self, reactor: Any, access: BmcAccess, trust: BmcTrust) -> None:
        self._reactor = reactor
        self._access = access
        self._end = trust.end_for(access)
        self._lines: list[_Line] = []

    @property
    def distrusts(self) -> str | None:
        """What was wrong with the certificate at the other end."""
        return self._end.problem

    @property
    def have_heard(self) -> bool:
        """Whether a connection there was, since the last `begin_request`, on which it is heard."""
        return any(line.is_secret for line in self._lines)

    @property
    def said_too_much(self) -> bool:
        """Whether the BMC did not come to an end."""
        return any(line.left < 0 for line in self._lines)

    def begin_request(self) -> None:
        """Forget the connections that have ended; to this request the others may say much again."""
        self._lines = [line for line in self._lines if not line.lost.called]
        for line in self._lines:
            line.listen_again()

    def abort(self) -> list[Deferred[None]]:
        """End them all; each is over when its Deferred fires."""
        for line in self._lines:
            if not line.lost.called:
                line.abortConnection()
        return [line.lost for line in self._lines]

    def endpointForURI(self, _uri: Any) -> "Lines":  # noqa: N802  Twisted's name
        return self

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """Connect as an endpoint does."""
        plain = HostnameEndpoint(
            self._reactor,
            str(self._access.address),
            self._access.port,
            timeout=CONNECT_SECONDS,
        )
        over_tls = wrapClientTLS(self._end, cast("IStreamClientEndpoint", plain))
        connecting = cast("Deferred[Any]", over_tls.connect(_LineFactory(factory)))
        return connecting.addCallback(self._connected)

    def _connected(self, line: _Line) -> Any:
        self._lines.append(line)
        _leave_nothing_behind(line)
        return line.wrappedProtocol


def _leave_nothing_behind(line: Any) -> None:
    """Let the kernel send nothing for a rack that is gone: its successor counts on that.

    Else it goes on for many minutes after this process was killed, and a BMC that can be reached
    again hears a command long after somebody else has taken over. An orderly end loses nothing by
    it: a connection is closed when its last answer is here, or given up.
    """
    handle = line.transport.transport.getHandle()  # below TLS
    handle.setsockopt(SOL_SOCKET, SO_LINGER, _AT_ONCE)
    handle.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, UNHEARD_MILLISECONDS)
