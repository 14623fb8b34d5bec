"""The real reactor by a clock that runs faster, for what takes its time on purpose."""

from twisted.internet import reactor

TIMES = 20


class Hurried:
    """Real sockets; each second is over in a twentieth of one."""

    def seconds(self):
        return reactor.seconds() * TIMES

    def callLater(self, seconds, call, *arguments, **named):
        return reactor.callLater(seconds / TIMES, call, *arguments, **named)

    def listenUDP(self, port, protocol, interface=""):  # noqa: N802  Twisted's name
        return reactor.listenUDP(port, protocol, interface=interface)
