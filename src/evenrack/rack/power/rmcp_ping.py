"""Asks whether a BMC is there, without a session and without a password.

It sends Get Channel Authentication Capabilities (IPMI 2.0, 22.13), which every BMC must answer to
anybody; not every BMC answers the presence ping of ASF.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, Literal

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall

from evenrack.errors import BmcUnreachable
from evenrack.model.power import IPMI_PORT

Heard = Literal["answer", "refused", "silence"]
"""`refused`: the network says that nobody takes our datagrams there (ICMP, no route)."""

REPEAT_SECONDS: Final = 1.0

_RMCP_VERSION: Final = 0x06
_IPMI_CLASS: Final = 0x07
_CLASS_BITS: Final = 0x1F
_HEADER_BYTES: Final = 4
QUESTION: Final = bytes.fromhex(
    "0600ff07"  # RMCP: version, reserved, no acknowledgement, class IPMI
    "00 00000000 00000000 09"  # no authentication, sequence 0, no session, nine bytes follow
    "20 18 c8 81 00 38"  # to the BMC, network function App, checksum, from us, sequence, command
    "8e 04 b5"  # this channel with the data of IPMI 2.0, administrator, checksum
)


async def ping(
    reactor: Any, address: IPv4Address | IPv6Address, port: int, seconds: float
) -> Heard:
    """Ask until something answers, the network refuses, or so many seconds have passed.

    BmcUnreachable when this host has no UDP port left to ask from.
    """
    conversation = _Conversation()
    try:
        here = "::" if address.version == 6 else ""  # noqa: PLR2004  of IP
        listening = reactor.listenUDP(0, conversation, interface=here)
    except CannotListenError as problem:
        raise BmcUnreachable(f"this host cannot ask: {problem}") from problem
    asking = LoopingCall(conversation.ask)
    asking.clock = reactor
    limit = reactor.callLater(seconds, conversation.hear, "silence")
    try:
        conversation.connect(listening, address, port)
        asking.start(REPEAT_SECONDS)
        return await conversation.heard
    finally:
        asking.stop()
        if limit.active():
            limit.cancel()
        conversation.end()


async def answers(
    reactor: Any,
    address: IPv4Address | IPv6Address,
    port: int = IPMI_PORT,
    seconds: float = 4.0,
) -> bool:
    """Say whether a BMC answers there; refused is no as well, only sooner. Raises as `ping`."""
    return await ping(reactor, address, port, seconds) == "answer"


class _Conversation(DatagramProtocol):
    """One question, asked from a port that hears only the BMC and what the network says of it."""

    noisy = False

    def __init__(self) -> None:
        self.heard: Deferred[Heard] = Deferred()
        self._port: Any = None

    def connect(self, port: Any, address: IPv4Address | IPv6Address, number: int) -> None:
        """Hear nobody else; and only a connected port is told of refusals."""
        self._port = port
        try:
            port.connect(str(address), number)
        except OSError:  # no route
            self.hear("refused")

    def ask(self) -> None:
        """Send the question, again or for the first time."""
        if self._port is None or self.heard.called:
            return
        try:
            self._port.write(QUESTION)  # which may call connectionRefused before it returns
        except OSError:  # no route, a packet filter
            self.hear("refused")

    def hear(self, what: Heard) -> None:
        """End the waiting; only the first thing that is heard counts."""
        if not self.heard.called:
            self.heard.callback(what)

    def end(self) -> None:
        """Close the port, unless the reactor has done so."""
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: ARG002, N802  Twisted's
        if (
            len(datagram) > _HEADER_BYTES
            and datagram[0] == _RMCP_VERSION
            and datagram[3] & _CLASS_BITS == _IPMI_CLASS
        ):
            self.hear("answer")

    def connectionRefused(self) -> None:  # noqa: N802  Twisted's name
        self.hear("refused")

    def stopProtocol(self) -> None:  # noqa: N802  Twisted's name
        # The reactor closes a connected port when an error of the network comes alone: nothing
        # else is called then.
        self._port = None
        self.hear("refused")
