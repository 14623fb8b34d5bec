"""How many IPv6 addresses of each VLAN are nobody's, by what `dhcpd -6` wrote down: pure.

It is fed as `address_tally` is. Only the addresses that somebody has are remembered: a range may
have more than any machine can count one by one. What a client has under one identity (`ia-na`)
stands in one entry, and its last entry counts: what that does not name it has no more.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv6Address
from typing import Final

from evenrack.model.dhcp_plan import DhcpPlan, VlanService, vlans_of
from evenrack.model.dhcp_report import Ipv6Addresses
from evenrack.model.halves import spans_of
from evenrack.model.identifiers import VlanId
from evenrack.model.network import Vlan
from evenrack.rack.dhcp.address_tally import Spans
from evenrack.rack.dhcp.entry_cutter import ENTRY_ENDS, EntryCutter

_NOBODYS: Final = {b"expired", b"released"}
"""What has ended so, the next client may be given at once (seen of 4.4.3-P1)."""

_Place = tuple[VlanId, int]
"""An address of a VLAN."""

_BEGINS: Final = re.compile(rb'(ia-[nt]a "(?:[^"\\\n]|\\.){0,65536}") \{\n')
_ADDRESS: Final = re.compile(
    rb"^  iaaddr ([0-9a-fA-F:.]{2,45}) \{\n(?:    .*\n)*?    binding state (\w{1,20});",
    re.MULTILINE,
)
_ORDER: Final = re.compile(rb"^authoring-byte-order [a-z-]{1,20};\n", re.MULTILINE)


def spans6_of(plan: DhcpPlan) -> Spans:
    """Give the halves out of which a plan gives addresses to whoever asks, of relayed VLANs too.

    Only of VLANs that have IPv6.
    """
    return {
        vlan.id: tuple(_open_halves(service, vlan))
        for service in vlans_of(plan)
        for vlan in service.vlan.served
        if vlan.subnets6
    }


def _open_halves(service: VlanService, vlan: Vlan) -> Iterator[tuple[int, int]]:
    for subnet in vlan.subnets6:
        if subnet.allow_unknown:
            for each in subnet.ranges:
                for first, last in spans_of((each.first, each.last), service.half):
                    yield int(first), int(last)


class AddressTally6:
    """Remembers which addresses of the halves somebody has, and under which identity.

    `new` is told of each lease that was given to a new client, with the entry in which it stands.
    What is new, the reading `before` knows, that of the file which this one replaced; without one,
    nothing is that was there already.
    """

    def __init__(
        self,
        spans: Spans,
        *,
        before: "AddressTally6 | None" = None,
        new: Callable[[VlanId, IPv6Address, bytes], None] = lambda _vlan, _address, _entry: None,
    ) -> None:
        self.spans = spans
        self._before = before
        self._new = new
        self._ordered = sorted(
            (first, last, vlan) for vlan, of_vlan in spans.items() for first, last in of_vlan
        )
        self._firsts = [first for first, _, _ in self._ordered]
        self._cutter = EntryCutter()
        self._is_read = False
        self._order = b""
        """The statement that says how the numbers of identities are written."""
        self._holders: Mapping[VlanId, dict[int, bytes]] = {vlan: {} for vlan in spans}
        self._held: dict[bytes, tuple[_Place, ...]] = {}
        """The same the other way round."""

    def take(self, piece: bytes) -> None:
        """Read on; an entry whose end is still to come waits for it."""
        for entry in self._cutter.entries(piece):
            self._note(entry)

    def end(self) -> None:
        """Note that the file is read to its end: what comes now is appended to it."""
        self._is_read, self._before = True, None

    def counts(self) -> Mapping[VlanId, Ipv6Addresses]:
        """Count the addresses of each VLAN."""
        return {vlan: self._count(vlan) for vlan in self.spans}

    def _count(self, vlan: VlanId) -> Ipv6Addresses:
        total = sum(last - first + 1 for first, last in self.spans[vlan])
        return Ipv6Addresses(vlan=vlan, total=total, free=total - len(self._holders[vlan]))

    def _note(self, entry: bytes) -> None:
        # what stands before was cut short, by a full disk
        at = entry.rfind(b"\nia-") + 1
        order = _ORDER.search(entry, 0, at)
        if order is not None:
            self._order = order[0]
        begins = _BEGINS.match(entry, at)
        if begins is None:
            return
        identity, states = begins[1], self._states_in(entry, begins.end())
        active = (place for place, state in states.items() if state == b"active")
        new = [place for place in active if self._is_new(place, identity)]
        self._replace(identity, tuple(it for it, state in states.items() if state not in _NOBODYS))
        for vlan, address in new:
            told = self._order + entry[begins.start() :] + ENTRY_ENDS
            self._new(vlan, IPv6Address(address), told)

    def _states_in(self, entry: bytes, begin: int) -> Mapping[_Place, bytes]:
        """Give the state of each address of the halves that an entry names."""
        named = ((_number(it[1]), it[2]) for it in _ADDRESS.finditer(entry, begin))
        found = ((self._vlan_of(address), address, state) for address, state in named)
        return {(vlan, address): state for vlan, address, state in found if vlan is not None}

    def _vlan_of(self, address: int) -> VlanId | None:
        place = bisect_right(self._firsts, address) - 1
        if place < 0:
            return None
        _, last, vlan = self._ordered[place]
        return vlan if address <= last else None

    def _is_new(self, place: _Place, identity: bytes) -> bool:
        """Tell whether it is known that this client did not have the address until now."""
        if not self._is_read and self._before is None:
            return False
        before = None if self._before is None else self._before._holder(place)  # noqa: SLF001  of the same kind
        return identity not in {self._holder(place), before}

    def _holder(self, place: _Place) -> bytes | None:
        vlan, address = place
        return self._holders[vlan].get(address)

    def _replace(self, identity: bytes, places: tuple[_Place, ...]) -> None:
        """Note what a client has now, and only that."""
        for vlan, address in self._held.pop(identity, ()):
            if self._holders[vlan].get(address) == identity:
                del self._holders[vlan][address]
        for vlan, address in places:
            self._holders[vlan][address] = identity
        if places:
            self._held[identity] = places


def _number(address: bytes) -> int:
    """Read an address; -1 for what is none."""
    try:
        return int(IPv6Address(address.decode()))
    except ValueError:
        return -1
