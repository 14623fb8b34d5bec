"""Which DHCP server a frame tells of, and which of that is told again: pure.

Only broadcasts reach a card that nobody made promiscuous: what clients tell all servers, and what
servers answer clients that cannot have a packet of their own yet.
"""

from ipaddress import IPv4Address
from typing import Final

from attrs import frozen

from evenrack.model.dhcp_frames import NOWHERE
from evenrack.model.dhcp_packets import Asker, Code, Kind, discover, read_answer, server_asked

PROBE_MAC: Final = b"\x02even\x01"
"""The card that every probe names, locally administered: a server offers it one address at most."""

SAME_SECONDS: Final = 30.0
"""The same server is told once in so long."""

MOST_AT_ONCE: Final = 32
"""In that time, of one interface: who makes up addresses cannot make us tell more."""


@frozen(kw_only=True)
class ServerHeard:
    """A DHCP server that answers clients on this wire."""

    address: IPv4Address
    """By which it calls itself (option 54 of RFC 2132)."""
    mac: str | None
    """Where its answer came from; None where a client named it, or a relay brought the answer."""


def server_heard(frame: bytes) -> ServerHeard | None:
    """Read of which server a frame tells; nothing for what tells of none, or is broken.

    An answer that gives no address (RFC 2132's options alone, as PXE's boot servers send them)
    harms no lease, so it tells of none; a refusal takes one away, so it does.
    """
    answer = read_answer(frame)
    if answer is None:
        asked = server_asked(frame)
        return None if asked in {None, NOWHERE} else ServerHeard(address=asked, mac=None)
    if (answer.address == NOWHERE and answer.kind != Kind.NAK) or answer.server == NOWHERE:
        return None
    mac = answer.server_mac.hex(":") if answer.relay == NOWHERE else None
    return ServerHeard(address=answer.server, mac=mac)


def probe(transaction: int, *, sender: bytes) -> bytes:
    """Make the question that every server of a wire answers by a broadcast.

    It comes from the interface's own hardware address, as switches that guard their ports want.
    """
    asker = Asker(mac=PROBE_MAC, transaction=transaction)
    return discover(asker, {Code.VENDOR_CLASS: b"evenrack"}, sender=sender)


class Recently:
    """What was told of one interface a moment ago."""

    def __init__(self) -> None:
        self._told: dict[ServerHeard, float] = {}

    def is_news(self, heard: ServerHeard, now: float) -> bool:
        """Tell whether it is to be told, at this time of a steady clock; then it is."""
        self._told = {each: at for each, at in self._told.items() if now - at < SAME_SECONDS}
        if heard in self._told or len(self._told) >= MOST_AT_ONCE:
            return False
        self._told[heard] = now
        return True
