"""One UDP port, from which one BMC is asked one thing at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol

from evenrack.errors import BmcUnreachable, EvenrackError
from evenrack.model.power import BmcAccess

Answer = TypeVar("Answer")

_ANY_ADDRESS: Final = {4: "", 6: "::"}


@frozen(kw_only=True)
class Asking:
    """When a question is sent, and for how long an answer is waited for."""

    at: Sequence[float]
    """Seconds from the first time, which is 0."""
    seconds: float


class Exchange(DatagramProtocol):
    """Hears only the BMC, and what the network says of it."""

    noisy = False

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._port: Any = None
        self._waiting: Deferred[Any] | None = None
        self._read: Callable[[bytes], Any | None] = lambda _datagram: None
        self._later: IDelayedCall | None = None
        self._ends = 0.0

    def begin(self, access: BmcAccess) -> None:
        """Take a port of this host; BmcUnreachable when there is none, or no way to the BMC."""
        here = _ANY_ADDRESS[access.ip.version]
        try:
            self._port = self._reactor.listenUDP(0, self, interface=here)
            self._port.connect(str(access.address), access.port)
        except (CannotListenError, OSError) as problem:
            raise BmcUnreachable(f"this host cannot send to {access.address}: {problem}") from None

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
        if self._port is None:
            return
        try:
            self._port.write(datagram)  # which may call connectionRefused before it returns
        except OSError:  # no route, a packet filter
            self._fail("the network refuses what is sent to it")

    async def end(self) -> None:
        """Close the port, unless the reactor has done so."""
        port, self._port = self._port, None
        if port is not None:
            await port.stopListening()

    def _arm(self, make: Callable[[int], bytes], asking: Asking) -> None:
        if self._port is None:
            self._fail("the network says that nobody listens there")
        else:
            self._send_next(make, asking, 0)

    def _send_next(self, make: Callable[[int], bytes], asking: Asking, number: int) -> None:
        """Send once more, and wait for when that is due again; one call at a time is cheaper."""
        why = f"no answer within {asking.seconds:.1f} s"
        if number and self._reactor.seconds() >= self._ends:
            self._fail(why)
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

    def _disarm(self) -> None:
        self._waiting = None
        later, self._later = self._later, None
        if later is not None and later.active():
            later.cancel()

    def _fail(self, why: str) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(BmcUnreachable(why))

    # What Twisted calls

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: ARG002, N802
        waiting = self._waiting
        if waiting is None:
            return
        try:
            answer = self._read(datagram)
        except EvenrackError as refused:
            self._waiting = None
            waiting.errback(refused)
            return
        if answer is not None:
            self._waiting = None
            waiting.callback(answer)

    def connectionRefused(self) -> None:  # noqa: N802
        self._fail("the network says that nobody listens there")

    def stopProtocol(self) -> None:  # noqa: N802
        # The reactor closes a connected port when an error of the network comes alone: nothing
        # else is called then.
        self._port = None
        self._fail("the network says that nobody listens there")
