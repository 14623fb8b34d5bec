"""What a file of reservations would change: what is new, changed, the same, and what is wrong.

A card has one address of each family on a VLAN, so a line is about the reservation that its card,
or its DUID, has on the VLAN of its address, if there is one. The inventory as it would be is held
against the same rules as any other change, once and as a whole: two lines may exchange their
addresses.
"""

import hashlib
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal

from attrs import evolve, frozen

from evenrack.model.csv_lines import LineProblem
from evenrack.model.findings import Finding
from evenrack.model.identifiers import ReservationId, SubnetId, VlanId
from evenrack.model.network import Reservation, Subnet, Vlan
from evenrack.model.network6 import Reservation6, Subnet6
from evenrack.model.network_rules import problems_of

Deed = Literal["new", "changed", "same"]
IPV6 = 6
Place = tuple[Vlan, Subnet | Subnet6]
Kept = Reservation | Reservation6


@frozen(kw_only=True)
class Wanted:
    """One line of the file."""

    line: int
    mac: str | None = None
    duid: str | None = None
    """By which a machine that asks for an IPv6 address may be named instead."""
    address: IPv4Address | IPv6Address
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
    reservation: Kept
    """A new one has the line below zero as its id: no other has that."""

    @property
    def row(self) -> dict[str, Any]:
        """Give it as it is written down."""
        kept = self.reservation
        hostname, duid = (
            ("", kept.duid) if isinstance(kept, Reservation6) else (kept.hostname, None)
        )
        return {
            "id": kept.id,
            "subnet_id": self.subnet,
            "mac": kept.mac,
            "duid": duid,
            "address": str(kept.address),
            "hostname": hostname,
        }


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
            digest.update(json.dumps(list(each.row.values())).encode() + b"\n")
        return digest.hexdigest()[:32]


class Networks:
    """Finds the subnet that an address belongs to, among many of both families."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        every: list[Place] = []
        for vlan in vlans:
            every += ((vlan, net) for net in vlan.subnets)
            every += ((vlan, net) for net in vlan.subnets6)
        self._places = sorted(every, key=lambda it: _in_order(it[1].cidr.network_address))
        self._first = [_in_order(subnet.cidr.network_address) for _, subnet in self._places]
        self._last = [_in_order(subnet.cidr.broadcast_address) for _, subnet in self._places]

    def holding(self, address: IPv4Address | IPv6Address) -> Place | None:
        """Give it with its VLAN; subnets do not overlap."""
        before = bisect_right(self._first, _in_order(address)) - 1
        if before < 0 or _in_order(address) > self._last[before]:
            return None
        return self._places[before]


def _in_order(address: IPv4Address | IPv6Address) -> tuple[int, int]:
    return address.version, int(address)


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
    odd = [problem for each in wanted for problem in _not_of_its_family(each)]
    left = {problem.line for problem in odd}
    places = [(it, networks.holding(it.address)) for it in wanted if it.line not in left]
    homeless = [_homeless(each, only) for each, place in places if place is None]
    lines = tuple(_imported((each, *place) for each, place in places if place is not None))
    broken = _broken_rules(problems_of(_as_it_would_be(vlans, lines)), lines)
    problems = sorted((*odd, *homeless, *broken), key=lambda problem: problem.line)
    return ImportPlan(lines=lines, problems=tuple(problems))


def _not_of_its_family(each: Wanted) -> Iterator[LineProblem]:
    """Tell what a line has, or lacks, for an address of the other family."""
    if isinstance(each.address, IPv6Address):
        if each.hostname:
            detail = "who has an IPv6 address is told no hostname; leave it empty"
            yield LineProblem(line=each.line, field="hostname", detail=detail)
        return
    if each.mac is None:
        detail = f"{each.address} is an IPv4 address, which is kept for a card; give its mac"
        yield LineProblem(line=each.line, field="mac", detail=detail)
    if each.duid is not None:
        detail = "only an IPv6 address is kept for a DUID; leave it empty"
        yield LineProblem(line=each.line, field="duid", detail=detail)


def _homeless(each: Wanted, only: Vlan | None) -> LineProblem:
    where = "no subnet" if only is None else f"no subnet of VLAN {only.name}"
    cure = "create it first" if only is None else "create it first, or name no VLAN"
    detail = f"{where} has the address {each.address}; {cure}"
    return LineProblem(line=each.line, field="address", detail=detail)


def _imported(placed: Iterable[tuple[Wanted, Vlan, Subnet | Subnet6]]) -> Iterator[Imported]:
    present: dict[tuple[VlanId, int], dict[str, tuple[SubnetId, Kept]]] = {}
    for each, vlan, subnet in placed:
        family = vlan.id, each.address.version
        if family not in present:
            present[family] = _machines_of(vlan, each.address.version)
        # taken away, so that a second line about this card makes a second one, which the rules find
        before, kept = present[family].pop(each.duid or each.mac or "", (None, None))
        after = _after(each, kept)
        same = (before, kept) == (subnet.id, after)
        yield Imported(
            line=each.line,
            deed="new" if kept is None else "same" if same else "changed",
            vlan=vlan.id,
            vlan_name=vlan.name,
            subnet=subnet.id,
            reservation=after,
        )


def _after(each: Wanted, kept: Kept | None) -> Kept:
    """Give the reservation of a line, which its machine may have already."""
    number = ReservationId(-each.line) if kept is None else kept.id
    if isinstance(each.address, IPv6Address):
        return Reservation6(id=number, address=each.address, duid=each.duid, mac=each.mac)
    before = kept if isinstance(kept, Reservation) else None
    stays = "" if before is None else before.hostname
    return Reservation(
        id=number,
        mac=each.mac or "",
        address=each.address,
        hostname=stays if each.hostname is None else each.hostname,
        other_macs=() if before is None else before.other_macs,
    )


def _machines_of(vlan: Vlan, version: int) -> dict[str, tuple[SubnetId, Kept]]:
    """Give the reservations of one family by that by which their machines are named."""
    if version == IPV6:
        return {kept.name: (net.id, kept) for net in vlan.subnets6 for kept in net.hosts}
    return {kept.mac: (net.id, kept) for net in vlan.subnets for kept in net.reservations}


def _as_it_would_be(vlans: Iterable[Vlan], lines: Sequence[Imported]) -> list[Vlan]:
    replaced = {each.reservation.id for each in lines}
    placed: defaultdict[SubnetId, list[Any]] = defaultdict(list)
    for each in lines:
        placed[each.subnet].append(each.reservation)

    def after(number: SubnetId, before: Iterable[Kept]) -> tuple[Any, ...]:
        stay = (kept for kept in before if kept.id not in replaced)
        return *stay, *placed[number]

    return [
        evolve(
            vlan,
            subnets=tuple(
                evolve(net, reservations=after(net.id, net.reservations)) for net in vlan.subnets
            ),
            subnets6=tuple(evolve(net, hosts=after(net.id, net.hosts)) for net in vlan.subnets6),
        )
        for vlan in vlans
    ]


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
