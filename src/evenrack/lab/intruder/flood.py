"""A flood of connections by whoever has no right: silent ones, and finished handshakes.

The peers of finished handshakes never agree that a connection ends, as TLS asks them to.
"""

import resource
import select
import socket
from contextlib import ExitStack, suppress

from OpenSSL import SSL

from evenrack.lab.clocks import Clocks
from evenrack.lab.intruder.replays import Visit

_SHAKEN = 60
"""Finished handshakes: fewer than one address may hold."""
_ROUND_SECONDS = 0.5
_AGAIN_IN_A_ROUND = 200
"""Silent connections that are made again, in the place of those that were ended."""

_APPLICATION = {
    b"_command": b"Enrol",
    b"lookup": b"abcd1234",
    b"request": b"r",
    b"proof": b"p",
    b"hostname": b"flood",
}
_BEGINNING = b"\x00\x08_command\x3f\xff"
"""Of a box whose value is long in coming."""


def flood(host: str, port: int, count: int, seconds: float, clocks: Clocks) -> dict[str, object]:
    """Hold so many connections for so long, and tell what the region has let stay.

    `connected`: silent ones, all in all; `shaken`: finished handshakes; `left`: those of them that
    are open at the end.
    """
    _take_all_files()
    end = clocks.seconds() + seconds
    with ExitStack() as held:
        visits = [held.enter_context(Visit(host, port)) for _ in range(_SHAKEN)]
        silent = _Silent(host, port)
        held.callback(silent.close)
        _be_refused(visits[0::3])
        trickling = visits[1::3]
        for visit in trickling:
            _say(visit, _BEGINNING)
        silent.open(count)
        while clocks.seconds() < end:
            clocks.sleep(_ROUND_SECONDS)
            for visit in trickling:
                _say(visit, b"a")
            silent.open(min(silent.forget_ended(), _AGAIN_IN_A_ROUND))
        left = sum(visit.is_open() for visit in visits)
    return {"connected": silent.connected, "shaken": len(visits), "left": left}


class _Silent:
    """Connections on which nothing is said, not even a handshake."""

    def __init__(self, host: str, port: int) -> None:
        self._where = (host, port)
        self._open: list[socket.socket] = []
        self.connected = 0

    def open(self, count: int) -> None:
        for _ in range(count):
            with suppress(OSError):
                self._open.append(socket.create_connection(self._where, timeout=2))
                self.connected += 1

    def forget_ended(self) -> int:
        """Close those that the other end has ended; give how many."""
        poller = select.poll()
        for each in self._open:
            poller.register(each, select.POLLIN | select.POLLHUP)
        ended = {descriptor for descriptor, _ in poller.poll(0)}
        for each in [each for each in self._open if each.fileno() in ended]:
            self._open.remove(each)
            each.close()
        return len(ended)

    def close(self) -> None:
        for each in self._open:
            each.close()


def _be_refused(visits: list[Visit]) -> None:
    for visit in visits:
        with suppress(OSError):
            visit.ask(_APPLICATION)


def _say(visit: Visit, content: bytes) -> None:
    with suppress(OSError, SSL.Error):
        visit.say(content)


def _take_all_files() -> None:
    """Have as many connections as this host lets a program have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
