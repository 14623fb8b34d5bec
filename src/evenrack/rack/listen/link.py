"""How rackd has the program that listens: as a child of its own, or as systemd's, by a socket."""

import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError, ProcessExitedAlready
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.internet.protocol import Protocol as Connection
from twisted.python.failure import Failure

from evenrack.errors import ProgramFailed
from evenrack.rack.listen.words import MOST_LINE_BYTES, Order, Told, as_line, told_from_line
from evenrack.runtime.spawned import ENVIRONMENT

PROGRAM: Final = "evenrack-dhcp-listen"
SOCKET: Final = Path("/run/evenrack-dhcp-listen.sock")
"""Of evenrack-dhcp-listen.socket: who connects there has a program of its own."""
CONNECT_SECONDS: Final = 3
MOST_WORDS: Final = 300


class Link(Protocol):
    """A listener that runs."""

    def say(self, order: Order) -> None:
        """Tell it what is wanted from now on."""

    def end(self) -> Awaitable[None]:
        """Let it end; nothing is told of it any more."""


StartListener = Callable[[Callable[[Told], None], Callable[[str], None]], Awaitable[Link]]
"""Starts one, with whom it tells what it hears, and why it ended. ProgramFailed says why not."""


class _Lines:
    """What comes in pieces, line by line."""

    def __init__(self, tell: Callable[[Told], None]) -> None:
        self._tell = tell
        self._unread = b""

    def take(self, piece: bytes) -> None:
        """Tell what is whole; ValueError for what nobody understands."""
        *lines, self._unread = (self._unread + piece).split(b"\n")
        for line in lines:
            self._tell(told_from_line(line))
        if len(self._unread) > MOST_LINE_BYTES:
            raise ValueError("a line without an end")


class _Child(ProcessProtocol):
    """The program as a child: its input ends when rackd does, and so it ends, too."""

    transport: Any

    def __init__(self, tell: Callable[[Told], None], ended: Callable[[str], None]) -> None:
        self._lines = _Lines(tell)
        self._on_end = ended
        self._words = b""
        self._gone: Deferred[None] = Deferred()

    def say(self, order: Order) -> None:
        self.transport.writeToChild(0, as_line(order))

    def end(self) -> Deferred[None]:
        self._on_end = _nobody
        self._kill()
        return self._gone

    def outReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        try:
            self._lines.take(data)
        except ValueError as problem:
            self._words = str(problem).encode()
            self._kill()

    def errReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        self._words = (self._words + data)[-MOST_WORDS:]

    def processEnded(self, reason: Failure) -> None:  # noqa: N802  Twisted's name
        how: Any = reason.value
        code = f"signal {how.signal}" if how.signal else f"exit code {how.exitCode}"
        words = self._words.decode(errors="replace").strip()
        self._on_end(f"{PROGRAM} ended ({words or code})")
        self._gone.callback(None)

    def _kill(self) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")


class _Connected(Connection):
    """The program as systemd started it for this connection, at whose end it ends."""

    transport: Any

    def __init__(self, tell: Callable[[Told], None], ended: Callable[[str], None]) -> None:
        self._lines = _Lines(tell)
        self._on_end = ended
        self._gone: Deferred[None] = Deferred()

    def say(self, order: Order) -> None:
        self.transport.write(as_line(order))

    def end(self) -> Deferred[None]:
        self._on_end = _nobody
        self.transport.abortConnection()
        return self._gone

    def dataReceived(self, data: bytes) -> None:
        try:
            self._lines.take(data)
        except ValueError:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002
        self._on_end(f"{PROGRAM} ended (see `journalctl -u '{PROGRAM}@*'`)")
        self._gone.callback(None)


def child_listener(reactor: Any, program: tuple[str, ...] = ()) -> StartListener:
    """Start it as a child, with what this process may do; `program` stands in for it in tests."""
    command = program or (sys.executable, "-m", "evenrack.rack.listen")
    # it is to find our modules where we found them
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    async def start(tell: Callable[[Told], None], ended: Callable[[str], None]) -> Link:
        child = _Child(tell, ended)
        try:
            reactor.spawnProcess(child, command[0], command, env=environment)
        except OSError as error:
            raise ProgramFailed(PROGRAM, f"cannot be started: {error}", "") from error
        return child

    return start


def unit_listener(reactor: Any, path: Path = SOCKET) -> StartListener:
    """Let systemd start it, as a unit that has the capability which rackd has not."""

    async def start(tell: Callable[[Told], None], ended: Callable[[str], None]) -> Link:
        endpoint = UNIXClientEndpoint(reactor, str(path), timeout=CONNECT_SECONDS)
        factory = Factory.forProtocol(lambda: _Connected(tell, ended))
        try:
            link: _Connected = await endpoint.connect(factory)
        except (ConnectError, OSError) as error:
            cure = f"systemctl enable --now {PROGRAM}.socket"
            raise ProgramFailed(PROGRAM, f"nothing answers at {path}", cure) from error
        return link

    return start


def _nobody(_: str) -> None:
    pass
