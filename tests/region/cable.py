"""A cable that can be cut: a relay whose ends then hear nothing, not even that it was cut."""

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol


class Cable:
    """Relays connections to a port; after `cut` everything that is sent disappears."""

    def __init__(self, port):
        self._target = port
        self.is_cut = False
        self.ends = set()
        self._listening = reactor.listenTCP(0, _factory(lambda: _Near(self)), interface="127.0.0.1")
        self.port = self._listening.getHost().port

    def connect(self, near):
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self._target)
        connecting = endpoint.connect(_factory(lambda: _End(self, near)))
        connecting.addErrback(lambda _: near.transport.abortConnection())

    def cut(self):
        self.is_cut = True

    async def remove(self):
        """Take the cable away at the end of the test; both ends notice that."""
        await self._listening.stopListening()
        for end in list(self.ends):
            end.transport.abortConnection()


class _End(Protocol):
    def __init__(self, cable, other=None):
        self.cable = cable
        self.other = other
        self.waiting = []

    def connectionMade(self):
        self.cable.ends.add(self)
        if self.other is not None:
            self.other.joined(self)

    def joined(self, other):
        self.other = other
        for data in self.waiting:
            other.transport.write(data)

    def dataReceived(self, data):
        if self.cable.is_cut:
            return
        if self.other is None:
            self.waiting.append(data)
        else:
            self.other.transport.write(data)

    def connectionLost(self, reason):
        self.cable.ends.discard(self)
        if self.other is not None and not self.cable.is_cut:
            self.other.transport.loseConnection()


class _Near(_End):
    def connectionMade(self):
        super().connectionMade()
        if not self.cable.is_cut:
            self.cable.connect(self)


def _factory(make):
    factory = Factory.forProtocol(make)
    factory.noisy = False
    return factory
