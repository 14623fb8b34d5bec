"""A clock that goes on when nothing happens: what takes its time is over at once, on any machine.

Sockets are real. What is sent on loopback is there to be read at once, so when the reactor has been
round a few times and no datagram came, everybody waits for the clock.
"""

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

ROUNDS = 6


class IdleClock(Clock):
    """The reactor's sockets, and a time of its own."""

    def __init__(self):
        super().__init__()
        self._quiet = 0
        self._next = None

    def start(self):
        self._next = reactor.callLater(0, self._look)

    def stop(self):
        self._next.cancel()

    def listenUDP(self, port, protocol, interface=""):  # noqa: N802  Twisted's name
        received = protocol.datagramReceived

        def seen(datagram, addr):
            self._quiet = 0
            received(datagram, addr)

        protocol.datagramReceived = seen
        return reactor.listenUDP(port, protocol, interface=interface)

    def addReader(self, reader):  # noqa: N802  Twisted's name
        read = reader.doRead

        def seen():
            self._quiet = 0
            return read()

        reader.doRead = seen
        reactor.addReader(reader)

    def removeReader(self, reader):  # noqa: N802  Twisted's name
        reactor.removeReader(reader)

    def _look(self):
        self._next = reactor.callLater(0, self._look)
        self._quiet += 1
        calls = self.getDelayedCalls()
        if self._quiet > ROUNDS and calls:
            self._quiet = 0
            self.advance(max(0.0, min(call.getTime() for call in calls) - self.seconds()))


def start(talk):
    return Deferred.fromCoroutine(talk)


async def until(condition):
    while not condition():
        await deferLater(reactor, 0)
