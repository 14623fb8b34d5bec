"""What a file of reservations would change: what is new, changed, the same, and what is wrong.

A card has one address on a VLAN, so a line is about the reservation that its card has on the VLAN
of its address, if there is one. The inventory as it would be is held against the same rules as any
other change, once and as a whole: two lines may exchange their addresses.
"""

import hashlib
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Address
from typing import Literal

from attrs import evolve, frozen

from evenrack.model.csv_lines import LineProblem
from evenrack.model.findings import Finding
from evenrack.model.identifiers import ReservationId, SubnetId, VlanId
from evenrack.model.network import Reservation, Subnet, Vlan
from evenrack.model.network_rules import problems_of

Deed = Literal["new", "changed", "same"]


@frozen(kw_only=True)
class Wanted:
    """One line of the file."""

    line: int
    mac: str
    address: IPv4Address
    hostname: str | None = None
    """None when the file has no such column: then it stays as it is."""


@frozen(kw_only=True)
class Imported:
    """One line, and the reservation that it makes."""

    line: int
    deed: Deed
    vlan: VlanId
    vlan_name: str
    subnet: SubnetId
    reservation: Reservation
    """A new one has the line below zero as its id: no other has that."""


@frozen(kw_only=True)
class ImportPlan:
    """All lines, or what is wrong."""

    lines: tuple[Imported, ...]
    problems: tuple[LineProblem, ...]

    def count(self, deed: Deed) -> int:
        """Count the lines of one kind."""
        return sum(line.deed == deed for line in self.lines)

    @property
    def changes(self) -> tuple[Imported, ...]:
        """Give the lines that change something."""
        return tuple(line for line in self.lines if line.deed != "same")

    @property
    def fingerprint(self) -> str:
        """Name what would be written: another plan has another."""
        digest = hashlib.sha256()
        for each in self.changes:
            kept = each.reservation
            told = [kept.id, each.subnet, kept.mac, str(kept.address), kept.hostname]
            digest.update(json.dumps(told).encode() + b"\n")
        return digest.hexdigest()[:32]


class Networks:
    """Finds the subnet that an address belongs to, among many."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        self._places = sorted(
            ((vlan, subnet) for vlan in vlans for subnet in vlan.subnets),
            key=lambda place: place[1].cidr.network_address,
        )
        self._first = [int(subnet.cidr.network_address) for _, subnet in self._places]
        self._last = [int(subnet.cidr.broadcast_address) for _, subnet in self._places]

    def holding(self, address: IPv4Address) -> tuple[Vlan, Subnet] | None:
        """Give it with its VLAN; subnets do not overlap."""
        before = bisect_right(self._first, int(address)) - 1
        if before < 0 or int(address) > self._last[before]:
            return None
        return self._places[before]


def vlans_of(vlans: Iterable[Vlan], wanted: Iterable[Wanted]) -> set[VlanId]:
    """Find the VLANs whose reservations have to be known for a plan."""
    networks = Networks(vlans)
    found = (networks.holding(each.address) for each in wanted)
    return {place[0].id for place in found if place is not None}


def plan_import(
    vlans: Collection[Vlan], wanted: Sequence[Wanted], *, only: Vlan | None = None
) -> ImportPlan:
    """Plan what the lines would do; with `only`, their addresses have to be on this VLAN.

    `vlans` are all there are, those of `vlans_of` with everything on them.
    """
    networks = Networks(vlans if only is None else [only])
    places = [(each, networks.holding(each.address)) for each in wanted]
    homeless = [_homeless(each, only) for each, place in places if place is None]
    lines = tuple(_imported((each, *place) for each, place in places if place is not None))
    broken = _broken_rules(problems_of(_as_it_would_be(vlans, lines)), lines)
    problems = sorted((*homeless, *broken), key=lambda problem: problem.line)
    return ImportPlan(lines=lines, problems=tuple(problems))


def _homeless(each: Wanted, only: Vlan | None) -> LineProblem:
    where = "no subnet" if only is None else f"no subnet of VLAN {only.name}"
    cure = "create it first" if only is None else "create it first, or name no VLAN"
    detail = f"{where} has the address {each.address}; {cure}"
    return LineProblem(line=each.line, field="address", detail=detail)


def _imported(placed: Iterable[tuple[Wanted, Vlan, Subnet]]) -> Iterator[Imported]:
    present: dict[VlanId, dict[str, tuple[SubnetId, Reservation]]] = {}
    for each, vlan, subnet in placed:
        if vlan.id not in present:
            present[vlan.id] = _cards_of(vlan)
        # taken away, so that a second line about this card makes a second one, which the rules find
        before, kept = present[vlan.id].pop(each.mac, (None, None))
        number = ReservationId(-each.line) if kept is None else kept.id
        stays = "" if kept is None else kept.hostname
        after = Reservation(
            id=number,
            mac=each.mac,
            address=each.address,
            hostname=stays if each.hostname is None else each.hostname,
            other_macs=() if kept is None else kept.other_macs,
        )
        same = (before, kept) == (subnet.id, after)
        yield Imported(
            line=each.line,
            deed="new" if kept is None else "same" if same else "changed",
            vlan=vlan.id,
            vlan_name=vlan.name,
            subnet=subnet.id,
            reservation=after,
        )


def _cards_of(vlan: Vlan) -> dict[str, tuple[SubnetId, Reservation]]:
    return {kept.mac: (subnet.id, kept) for subnet in vlan.subnets for kept in subnet.reservations}


def _as_it_would_be(vlans: Iterable[Vlan], lines: Sequence[Imported]) -> list[Vlan]:
    replaced = {each.reservation.id for each in lines}
    placed: defaultdict[SubnetId, list[Reservation]] = defaultdict(list)
    for each in lines:
        placed[each.subnet].append(each.reservation)

    def after(subnet: Subnet) -> Subnet:
        stay = (kept for kept in subnet.reservations if kept.id not in replaced)
        return evolve(subnet, reservations=(*stay, *placed[subnet.id]))

    return [evolve(vlan, subnets=tuple(map(after, vlan.subnets))) for vlan in vlans]


def _broken_rules(findings: Iterable[Finding], lines: Sequence[Imported]) -> Iterator[LineProblem]:
    """Tell what would be wrong by this file; what was wrong before must not hinder it."""
    by_id = {each.reservation.id: each for each in lines}
    for finding in findings:
        about = [
            (by_id[ReservationId(place.id)], place.field)
            for place in finding.places
            if place.noun == "reservation" and place.id in by_id
        ]
        if all(each.deed == "same" for each, _ in about):
            continue
        last, field = max(about, key=lambda one: one[0].line)
        others = "".join(f" (see line {each.line})" for each, _ in about if each is not last)
        yield LineProblem(line=last.line, field=field, detail=f"{finding.sentence}{others}")
