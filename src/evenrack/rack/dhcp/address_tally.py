"""How many addresses of each VLAN are nobody's, and since when pairs are in their states: pure.

Both by what dhcpd wrote down. It is fed with the file of leases piece by piece, and afterwards with
what was appended: of an address the last entry counts. One that has no entry was never given away.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from typing import Final

from attrs import field, frozen

from evenrack.model.dhcp_plan import DhcpPlan, vlans_of
from evenrack.model.dhcp_report import AddressCount
from evenrack.model.identifiers import VlanId
from evenrack.model.network import Vlan
from evenrack.rack.dhcp.entry_cutter import ENTRY_ENDS, EntryCutter
from evenrack.rack.dhcp.lease_file import time_of

Spans = Mapping[VlanId, Sequence[tuple[int, int]]]
"""The first and the last address of each range of a VLAN."""

_UNSAID, _FREE, _BACKUP, _TAKEN = range(4)
_KINDS: Final = {b"free": _FREE, b"backup": _BACKUP}
"""What has just ended (`expired`, `released`) is its client's until the partner has agreed."""

_BEGINS: Final = re.compile(rb"lease (\d{1,3}(?:\.\d{1,3}){3}) \{\n")
_RELATION: Final = re.compile(
    rb'failover peer "([^"\n]{1,64})" state \{\n  my state ([a-z-]{1,40}) at ([^;\n]{1,40});'
)
_GIVEN: Final = re.compile(rb"^  cltt .*^  binding state active;", re.MULTILINE | re.DOTALL)
"""Of what its partner gave away, a server writes down no `cltt`."""
_STATE: Final = re.compile(rb"^  binding state (\w{1,20});", re.MULTILINE)


def spans_of(plan: DhcpPlan) -> Spans:
    """Give the ranges out of which a plan gives addresses to whoever asks, of relayed VLANs too."""
    served = (vlan for service in vlans_of(plan) for vlan in service.vlan.served)
    return {vlan.id: tuple(_open_ranges(vlan)) for vlan in served}


def _open_ranges(vlan: Vlan) -> Iterator[tuple[int, int]]:
    for subnet in vlan.subnets:
        if subnet.allow_unknown:
            for each in subnet.ranges:
                yield int(each.first), int(each.last)


@frozen(kw_only=True)
class Began:
    """The state in which a server of a pair is, in dhcpd's words, and since when."""

    state: str
    at: int
    """In seconds of Unix, by the clock of the host."""


@frozen(kw_only=True)
class _Range:
    vlan: VlanId
    first: int
    last: int
    kinds: bytearray = field(init=False)
    """Of each address: a byte."""

    @kinds.default
    def _all_free(self) -> bytearray:
        return bytearray(self.last - self.first + 1)


class AddressTally:
    """Remembers of each address of the ranges whether it is free, the secondary's or taken.

    `new` is told of each lease that this server has given to a new client, as it stands in the
    file. What is new, the reading `before` knows, that of the file which this one replaced; without
    one, nothing is that was there already.
    """

    def __init__(
        self,
        spans: Spans,
        *,
        before: "AddressTally | None" = None,
        new: Callable[[VlanId, bytes], None] = lambda _vlan, _entry: None,
    ) -> None:
        self.spans = spans
        self._before = before
        self._new = new
        self._ranges = sorted(
            (
                _Range(vlan=vlan, first=first, last=last)
                for vlan, of_vlan in spans.items()
                for first, last in of_vlan
            ),
            key=lambda each: each.first,
        )
        self._firsts = [each.first for each in self._ranges]
        self._cutter = EntryCutter()
        self._is_read = False
        self.began: dict[str, Began] = {}
        """By the name of the failover relation."""

    def take(self, piece: bytes) -> None:
        """Read on; an entry whose end is still to come waits for it."""
        for entry in self._cutter.entries(piece):
            self._note(entry)

    def end(self) -> None:
        """Note that the file is read to its end: what comes now is appended to it."""
        self._is_read, self._before = True, None

    def counts(self) -> dict[VlanId, AddressCount]:
        """Count the addresses of each VLAN."""
        return {vlan: self._count(vlan) for vlan in self.spans}

    def _count(self, vlan: VlanId) -> AddressCount:
        of_vlan = [each.kinds for each in self._ranges if each.vlan == vlan]
        return AddressCount(
            total=sum(map(len, of_vlan)),
            free=sum(kinds.count(_UNSAID) + kinds.count(_FREE) for kinds in of_vlan),
            backup=sum(kinds.count(_BACKUP) for kinds in of_vlan),
        )

    def _note(self, entry: bytes) -> None:
        # what stands before was cut short, by a full disk
        begins = _BEGINS.match(entry, entry.rfind(b"\nlease ") + 1)
        if begins is None:
            self._note_relation(entry)
            return
        state = _STATE.search(entry, begins.end())
        if state is None:
            return
        address, kind = _number(begins[1]), _KINDS.get(state[1], _TAKEN)
        found = self._range_of(address)
        if found is None:
            return
        if kind == _TAKEN and self._was_free(address) and _GIVEN.search(entry, begins.end()):
            self._new(found.vlan, entry[begins.start() :] + ENTRY_ENDS)
        found.kinds[address - found.first] = kind

    def _range_of(self, address: int) -> _Range | None:
        place = bisect_right(self._firsts, address) - 1
        found = self._ranges[place] if place >= 0 else None
        return found if found is not None and address <= found.last else None

    def _was_free(self, address: int) -> bool:
        """Tell whether an address is known to have been nobody's until now."""
        if not self._is_read and self._before is None:
            return False
        kind = self._kind(address)
        if kind == _UNSAID and self._before is not None:
            kind = self._before._kind(address)  # noqa: SLF001  another of the same kind
        return kind != _TAKEN

    def _kind(self, address: int) -> int:
        found = self._range_of(address)
        return _TAKEN if found is None else found.kinds[address - found.first]

    def _note_relation(self, entry: bytes) -> None:
        found = _RELATION.match(entry, entry.rfind(b"\nfailover peer ") + 1)
        at = None if found is None else time_of(found[3].split())
        if found is not None and at is not None:
            self.began[found[1].decode(errors="replace")] = Began(state=found[2].decode(), at=at)


def _number(address: bytes) -> int:
    """Read an address; -1 for what is none."""
    try:
        return int(IPv4Address(address.decode()))
    except ValueError:
        return -1
