"""The loop of the program: orders come by standard input, what was heard goes to standard output.

It has a capability that rackd has not, so it does little: no configuration, no file, no port. It
ends when rackd does, since its input ends then.
"""

import os
import secrets
import selectors
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn

from evenrack.rack.listen.heard import Recently, probe, server_heard
from evenrack.rack.listen.packet_socket import PacketSocket
from evenrack.rack.listen.words import MOST_LINE_BYTES, Order, Told, as_line, order_from_line

INPUT, OUTPUT = 0, 1
EXIT_REFUSED: Final = 2
BY_HAND: Final = (
    "nothing to run by hand: evenrack-rackd starts this, or connects to "
    "evenrack-dhcp-listen.socket, and tells it where to listen (docs/dhcp.md)"
)
LOOK_SECONDS: Final = 2.0
"""An interface that is not there may come; a probe may be late by so much."""
FIRST_PROBE_SECONDS: Final = 3.0
"""A network that has just come up may not carry anything yet."""
_READ_BYTES: Final = 65536

Tell = Callable[[Told], None]


class Interface:
    """One interface that is listened to, or is to be."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell
        self._recently = Recently()
        self._why_not: str | None = None
        self._probe_at = time.monotonic() + FIRST_PROBE_SECONDS
        self.link: PacketSocket | None = None

    def open(self, selector: selectors.BaseSelector) -> None:
        """Listen, if that is not so yet; say why when it cannot be, and when it can again."""
        if self.link is not None:
            return
        try:
            self.link = PacketSocket(self._name)
        except OSError as error:
            cure = ": it needs CAP_NET_RAW" if isinstance(error, PermissionError) else ""
            self._say_why(f"{error.strerror}{cure}")
        else:
            selector.register(self.link, selectors.EVENT_READ, self)
            self._say_why("")

    def close(self, selector: selectors.BaseSelector) -> None:
        """Hear nothing more there."""
        if self.link is not None:
            selector.unregister(self.link)
            self.link.close()
            self.link = None

    def hear(self, selector: selectors.BaseSelector) -> None:
        """Tell of the servers in what has come."""
        try:
            for frame in () if self.link is None else self.link.frames():
                heard = server_heard(frame)
                if heard is not None and self._recently.is_news(heard, time.monotonic()):
                    self._tell(Told(interface=self._name, server=heard.address, mac=heard.mac))
        except OSError:  # it is down or gone; opening it says which
            self.close(selector)

    def ask(self, every: float, selector: selectors.BaseSelector) -> None:
        """Ask who serves this wire, if it is time to."""
        if self.link is None or not every or time.monotonic() < self._probe_at:
            return
        self._probe_at = time.monotonic() + every
        try:
            self.link.send(probe(secrets.randbits(32), sender=self.link.mac))
        except OSError:
            self.close(selector)

    def _say_why(self, why: str) -> None:
        if why != self._why_not:
            self._why_not = why
            self._tell(Told(interface=self._name, error=why))


class Listener:
    """All interfaces, and rackd at the other end of both descriptors."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(INPUT, selectors.EVENT_READ)
        self._order = Order()
        self._interfaces: dict[str, Interface] = {}
        self._look_at = time.monotonic()
        self._unread = b""

    def run(self) -> None:
        """Go on until rackd ends; ValueError when it says what nobody understands."""
        while True:
            patience = max(0.0, self._look_at - time.monotonic())
            for key, _ in self._selector.select(patience):
                if isinstance(key.data, Interface):
                    key.data.hear(self._selector)
                elif not self._read_orders():
                    return
            if time.monotonic() >= self._look_at:
                self._look()

    def _look(self) -> None:
        """Do what is due, not more often than that: also where a flood comes in."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        for interface in self._interfaces.values():
            interface.open(self._selector)
            interface.ask(self._order.probe_seconds, self._selector)

    def _read_orders(self) -> bool:
        """Follow the newest whole line; False at the end."""
        read = os.read(INPUT, _READ_BYTES)
        *lines, self._unread = (self._unread + read).split(b"\n")
        if len(self._unread) > MOST_LINE_BYTES:
            raise ValueError("a line without an end")
        if lines:
            self._follow(order_from_line(lines[-1]))
        return bool(read)

    def _follow(self, order: Order) -> None:
        for name in self._interfaces.keys() - set(order.interfaces):
            self._interfaces.pop(name).close(self._selector)
        for name in order.interfaces:
            self._interfaces.setdefault(name, Interface(name, _tell))
        self._order = order
        self._look_at = time.monotonic()


def _tell(told: Told) -> None:
    line = as_line(told)
    while line:
        line = line[os.write(OUTPUT, line) :]


def main() -> None:
    """Listen for rackd; exit 2 for an order that cannot be read, and for somebody else."""
    if sys.argv[1:]:
        _refuse(BY_HAND)
    try:
        listener = Listener()
    except PermissionError:  # a file, and /dev/null, is nothing that can be waited for
        _refuse(BY_HAND)
    try:
        listener.run()
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return  # rackd is gone
    except ValueError as problem:
        _refuse(f"not an order of rackd: {problem}")


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"evenrack-dhcp-listen: {why}\n")
    sys.exit(EXIT_REFUSED)
