"""One UDP port, from which one BMC is asked one thing at a time."""

import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from evenrack.errors import BmcUnreachable
from evenrack.model.power import BmcAccess

Answer = TypeVar("Answer")

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}

_MOST_BYTES: Final = 8192
"""Of a datagram; those of a BMC are far smaller."""

_MOST_AT_ONCE: Final = 16
"""Datagrams: whoever sends more holds up nobody."""

_NOBODY: Final = "the network says that nobody listens there"


@frozen(kw_only=True)
class Asking:
    """When a question is sent, and for how long an answer is waited for."""

    at: Sequence[float]
    """Seconds from the first time, which is 0."""
    seconds: float


@implementer(IReadDescriptor)
class Exchange:
    """Hears only the BMC, and what the network says of it.

    A socket of its own: the reactor's UDP port costs a third of a whole conversation.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._socket: socket.socket | None = None
        self._number = -1
        self._waiting: Deferred[Any] | None = None
        self._read: Callable[[bytes], Any | None] = lambda _datagram: None
        self._later: IDelayedCall | None = None
        self._ends = 0.0

    def begin(self, access: BmcAccess) -> None:
        """Take a port of this host; BmcUnreachable when there is none, or no way to the BMC."""
        try:
            taken = socket.socket(_FAMILIES[access.ip.version], socket.SOCK_DGRAM)
            self._socket = taken
            taken.settimeout(0.0)
            taken.connect((str(access.ip), access.port))
        except OSError as problem:
            self.end()
            raise BmcUnreachable(f"this host cannot send to {access.address}: {problem}") from None
        self._number = taken.fileno()
        self._reactor.addReader(self)

    async def ask(
        self,
        make: Callable[[int], bytes],
        read: Callable[[bytes], Answer | None],
        asking: Asking,
    ) -> Answer:
        """Send `make(0)`, `make(1)`, .. until `read` finds the answer in what is heard.

        `read` gives None for what is not the answer, and raises what the BMC refuses with.
        BmcUnreachable when nothing answers in time or the network says that nobody is there.
        Nothing is sent when the time is over, not even by a rack that was paused until then.
        """
        waiting: Deferred[Answer] = Deferred()
        self._waiting, self._read = waiting, read
        self._ends = self._reactor.seconds() + asking.seconds
        try:
            self._arm(make, asking)
            return await waiting
        finally:
            self._disarm()

    def send(self, datagram: bytes) -> None:
        """Send something to which no answer is waited for."""
        if self._socket is None:
            return
        try:
            self._socket.send(datagram)
        except ConnectionRefusedError:  # of what was sent before
            self._fail(_NOBODY)
        except OSError:  # no route, a packet filter
            self._fail("the network refuses what is sent to it")

    def end(self) -> None:
        """Close the port."""
        taken, self._socket = self._socket, None
        if taken is not None:
            if self._number >= 0:
                self._reactor.removeReader(self)
            taken.close()

    def _arm(self, make: Callable[[int], bytes], asking: Asking) -> None:
        if self._socket is None:
            self._fail(_NOBODY)
        else:
            self._send_next(make, asking, 0)

    def _send_next(self, make: Callable[[int], bytes], asking: Asking, number: int) -> None:
        """Send once more, and wait for when that is due again; one call at a time is cheaper."""
        why = f"no answer within {asking.seconds:.1f} s"
        if number and self._reactor.seconds() >= self._ends:
            self._fail(why)
            return
        if number and self._has_heard():
            return
        self.send(make(number))
        if self._waiting is None:  # refused at once
            return
        since, following = asking.at[number], number + 1
        if following < len(asking.at) and asking.at[following] < asking.seconds:
            seconds = asking.at[following] - since
            self._later = self._reactor.callLater(seconds, self._send_next, make, asking, following)
        else:
            self._later = self._reactor.callLater(asking.seconds - since, self._fail, why)

    def _has_heard(self) -> bool:
        """Tell whether the answer is there, perhaps since a while: this rack may have stood still.

        The reactor calls who waited for a time before it reads. Some BMCs do twice what they hear
        twice, so nothing is sent again that was answered.
        """
        waiting = self._waiting
        for _ in range(_MOST_AT_ONCE):
            if not self._receive() or self._waiting is not waiting:
                break
        return self._waiting is not waiting  # but nothing, or the next question already

    def _disarm(self) -> None:
        self._waiting = None
        later, self._later = self._later, None
        if later is not None and later.active():
            later.cancel()

    def _fail(self, why: str) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(BmcUnreachable(why))

    def _receive(self) -> bool:
        """Hear one datagram; tell whether there may be more."""
        if self._socket is None:
            return False
        try:
            datagram = self._socket.recv(_MOST_BYTES)
        except BlockingIOError:  # it was for another socket of that number, or was damaged
            return False
        except OSError:
            self._fail(_NOBODY)
            return False
        self._hear(datagram)
        return True

    def _hear(self, datagram: bytes) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        try:
            answer = self._read(datagram)
        except Exception as refused:  # noqa: BLE001  also a bug of ours: nobody waits for ever
            self._waiting = None
            waiting.errback(refused)
            return
        if answer is not None:
            self._waiting = None
            waiting.callback(answer)

    # What Twisted calls

    def fileno(self) -> int:
        """Give the number that the reactor was told, also when it was closed while it was read."""
        return self._number

    def logPrefix(self) -> str:
        return "BMC"

    def doRead(self) -> None:
        self._receive()

    def connectionLost(self, _reason: Failure) -> None:
        """Hear of an error of the network that comes alone; the reactor reads no more."""
        if self._socket is None:
            return
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.end()
            self._fail(_NOBODY)
        else:  # it was of another socket that had this number
            self._reactor.addReader(self)
