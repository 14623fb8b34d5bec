"""Two ends of a real TLS connection over loopback, which note what they see of each other."""

from contextlib import asynccontextmanager

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from evenrack.trust.tls import (
    RackTls,
    RegionTls,
    channel_of,
    own_certificate,
    peer_of,
    shown_certificates,
    why_tls_failed,
)
from tests.trusted import authority, rack_identity, region_identity

HERE = "127.0.0.1"


@implementer(IHandshakeListener)
class End(Protocol):
    """One end; what it notes is None until then."""

    def __init__(self):
        self.shaken = Deferred()
        self.ended = Deferred()
        self.heard_it = Deferred()
        self.heard = b""
        self.peer = self.why = None

    def handshakeCompleted(self):  # noqa: N802
        self.peer = peer_of(self.transport)
        self.shaken.callback(self)

    def dataReceived(self, data):
        self.heard += data
        if not self.heard_it.called:
            self.heard_it.callback(self)

    def connectionLost(self, reason):
        self.why = why_tls_failed(self.transport, reason)
        self.reason = reason
        self.ended.callback(self)

    def channel(self, region_certificate):
        return channel_of(self.transport, region_certificate)

    def own(self):
        return own_certificate(self.transport)

    def shown(self):
        return shown_certificates(self.transport)


def one_factory(made):
    def make():
        end = End()
        made.append(end)
        return end

    factory = Factory.forProtocol(make)
    factory.noisy = False
    return factory


class Listening:
    """A region's end on a port of loopback, and who connected to it."""

    def __init__(self, tls):
        self.ends = []
        wrapped = TLSMemoryBIOFactory(tls, isClient=False, wrappedFactory=one_factory(self.ends))
        wrapped.noisy = False
        self.port = reactor.listenTCP(0, wrapped, interface=HERE)
        self.dialled = []

    @property
    def number(self):
        return self.port.getHost().port

    async def dial(self, tls):
        """Connect with TLS; gives both ends, the handshake may fail yet."""
        mine = []
        endpoint = wrapClientTLS(tls, TCP4ClientEndpoint(reactor, HERE, self.number))
        end = await endpoint.connect(one_factory(mine))
        self.dialled.append(end)
        return end, await self.newest()

    async def dial_plain(self):
        """Connect without TLS."""
        end = await TCP4ClientEndpoint(reactor, HERE, self.number).connect(one_factory([]))
        self.dialled.append(end)
        return end, await self.newest()

    async def newest(self):
        """Give the region's end of the connection that was made last."""
        while len(self.ends) < len(self.dialled):
            await turn()
        return self.ends[-1]

    async def stop(self):
        for end in [*self.dialled, *self.ends]:
            if end.transport is not None and not end.ended.called:
                end.transport.abortConnection()
                await end.ended
        await self.port.stopListening()


async def turn():
    """Let the reactor turn once."""
    waiting = Deferred()
    reactor.callLater(0, waiting.callback, None)
    await waiting


@asynccontextmanager
async def listening(tls):
    ends = Listening(tls)
    try:
        yield ends
    finally:
        await ends.stop()


def region_tls(identity=None, *trusted):
    return RegionTls(identity or region_identity(), trusted or [authority().certificate])


def rack_tls(identity=None, *trusted):
    return RackTls(identity or rack_identity(), trusted or [authority().certificate])
