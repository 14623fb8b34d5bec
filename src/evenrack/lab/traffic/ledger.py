"""The ledger of a VLAN: every acknowledgement that was seen on the wire, and who gave back what.

A server that acknowledges an address promises it to one client for so long. The judge looks for a
promise that was made to another client meanwhile: whatever a server believed at that moment, two
machines have one address then. Pure.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from attrs import frozen

from evenrack.model.dhcp_packets import Answer

ACKNOWLEDGED = "acknowledged"
RELEASED = "released"
FORGOTTEN = "forgotten"
"""Of a network whose DHCP was off: an operator's word, after which servers know no lease of it."""
FOREVER = 0xFFFFFFFF
"""The lease that never ends (RFC 2131, 3.3)."""

_WHOLE_SECOND = 1.0
"""Servers count in whole seconds: theirs may be over by so much before the client's is."""

Line = Mapping[str, Any]


@frozen(kw_only=True)
class Acknowledged:
    """One promise of a server; monotonic seconds."""

    mac: str
    address: str
    server: str
    at: float
    ends: float
    """When the server may give it to another client."""


@frozen(kw_only=True)
class GivenTwice:
    """An address that a second client was promised while the first one's lease ran."""

    first: Acknowledged
    second: Acknowledged

    def __str__(self) -> str:
        first, second = self.first, self.second
        return (
            f"{second.address} was acknowledged to {first.mac} by {first.server}, and "
            f"{second.at - first.at:.2f} s later to {second.mac} by {second.server}"
        )


def acknowledged_line(answer: Answer, now: float) -> dict[str, Any]:
    """Write down an acknowledgement: {"mono", "kind", "mac", "address", "server", "lease"}."""
    lease = FOREVER if answer.lease_seconds is None else answer.lease_seconds
    return {
        "mono": now,
        "kind": ACKNOWLEDGED,
        "mac": answer.mac.hex(":"),
        "address": str(answer.address),
        "server": str(answer.server),
        "lease": lease,
    }


def released_line(mac: bytes, address: object, now: float) -> dict[str, Any]:
    """Write down that a client has an address no more: {"mono", "kind", "mac", "address"}."""
    return {"mono": now, "kind": RELEASED, "mac": mac.hex(":"), "address": str(address)}


def forgotten_line(network: IPv4Network, now: float) -> dict[str, Any]:
    """Write down that no lease in a network counts any more: {"mono", "kind", "network"}."""
    return {"mono": now, "kind": FORGOTTEN, "network": str(network)}


def acknowledgements(lines: Iterable[Line]) -> list[Acknowledged]:
    """List the promises, the oldest first; several programs may have seen the same one."""
    return [_read(line) for line in _in_order(lines) if line["kind"] == ACKNOWLEDGED]


def given_twice(lines: Iterable[Line]) -> list[GivenTwice]:
    """Find each address that two clients had at once, and which two, in the order of time."""
    holders: dict[str, dict[str, Acknowledged]] = {}
    found: dict[tuple[str, frozenset[str]], GivenTwice] = {}
    for line in _in_order(lines):
        if line["kind"] == FORGOTTEN:
            network = IPv4Network(line["network"])
            holders = {
                key: held for key, held in holders.items() if IPv4Address(key) not in network
            }
            continue
        held = holders.setdefault(line["address"], {})
        if line["kind"] != ACKNOWLEDGED:
            held.pop(line["mac"], None)
            continue
        new = _read(line)
        for other in held.values():
            if other.mac != new.mac and other.ends > new.at:
                which = new.address, frozenset({other.mac, new.mac})
                found.setdefault(which, GivenTwice(first=other, second=new))
        held[new.mac] = new
    return list(found.values())


def _in_order(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: float(line["mono"]))


def _read(line: Line) -> Acknowledged:
    at, lease = float(line["mono"]), int(line["lease"])
    return Acknowledged(
        mac=line["mac"],
        address=line["address"],
        server=line["server"],
        at=at,
        ends=float("inf") if lease == FOREVER else at + lease - _WHOLE_SECOND,
    )
