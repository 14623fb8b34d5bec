"""What the inventory must fulfil before any DHCP server sees it.

`dhcpd -t` lets pass what harms clients (two reservations for one card, a reserved address inside a
range, overlapping subnets), so each of these checks is ours.
"""

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, TypeVar

from attrs import frozen

from evenrack.model.network import Range, Reservation, Subnet, Vlan

Noun = Literal["vlan", "subnet", "range", "reservation"]

NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
DOMAIN_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
MOST_DOMAIN_CHARACTERS = 253
HIGHEST_VID = 4094
LEAST_PREFIX, MOST_PREFIX = 8, 30
MOST_HOSTNAME_BYTES = 255
"""What one DHCP option holds (RFC 2132 section 2)."""
MOST_SERVERS = 63
"""IPv4 addresses in one DHCP option."""
MOST_RANGE_ADDRESSES = 1 << 20
"""dhcpd keeps a record of each address of a range in memory."""
MOST_SHOWN = 40

SETTING_LIMITS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "lease_seconds": (60, 31_536_000),
        "max_response_delay": (5, 600),
        "mclt": (10, 86_400),
        "split": (0, 256),
    }
)
"""The least and the most of each of the VLAN's settings."""

Object = TypeVar("Object")


@frozen(kw_only=True)
class Place:
    """One field of one object."""

    noun: Noun
    id: int
    field: str


@frozen(kw_only=True)
class Finding:
    """One thing that is wrong."""

    sentence: str
    """Names the object and the cure."""
    places: tuple[Place, ...]
    """Every field that it depends on: a change of any of them may cause or mend it."""

    def field_of(self, noun: Noun, number: int) -> str | None:
        """Name the field of this object that it depends on; None when it is not about it."""
        for place in self.places:
            if (place.noun, place.id) == (noun, number):
                return place.field
        return None


def problems_of(vlans: Collection[Vlan]) -> tuple[Finding, ...]:
    """Find everything that is wrong with these VLANs, each alone and all together."""
    return tuple(_all_findings(vlans))


def mac_from_text(text: str) -> str:
    """Read the address of a network card: six pairs of digits with colons or dashes.

    Gives it in small letters with colons; ValueError says what is wrong.
    """
    mac = text.strip().lower()
    mac = mac.replace("-", ":") if ":" not in mac else mac
    problem = _mac_problem(mac)
    if problem is not None:
        raise ValueError(f"{shown(text)} {problem}")
    return mac


def _mac_problem(mac: str) -> str | None:
    if MAC.fullmatch(mac) is None:
        return "is not six pairs of hexadecimal digits; write it as 52:54:00:12:34:56"
    if int(mac[:2], 16) & 1:
        return "is a group's address; give the card's own, whose first pair is even"
    if mac == "00:00:00:00:00:00":
        return "belongs to no card; give the card's own"
    return None


def _all_findings(vlans: Collection[Vlan]) -> Iterator[Finding]:
    subnets = [subnet for vlan in vlans for subnet in vlan.subnets]
    for vlan in vlans:
        yield from _about_vlan(vlan)
    yield from _vlans_alike(vlans)
    yield from _overlapping_subnets(subnets)
    for vlan in vlans:
        yield from _cards_with_two_reservations(vlan)
    for subnet in subnets:
        yield from _about_subnet(subnet)
        yield from _about_servers(subnet)
        yield from _about_gateway(subnet)
        yield from _about_ranges(subnet)
        yield from _about_reservations(subnet)


# VLANs


def _about_vlan(vlan: Vlan) -> Iterator[Finding]:
    def finding(field: str, sentence: str) -> Finding:
        return _finding(f"vlan {shown(vlan.name)}: {sentence}", _place("vlan", vlan, field))

    for field, text in (("name", vlan.name), ("fabric", vlan.fabric)):
        if NAME.fullmatch(text) is None:
            yield finding(
                field, f"its {field} must be 1 to 63 letters, digits, dots, dashes or underscores"
            )
    if vlan.name.isascii() and vlan.name.isdecimal():
        yield finding("name", f"digits alone read as an id; name it vlan{vlan.name[:MOST_SHOWN]}")
    if vlan.vid is not None and not 0 <= vlan.vid <= HIGHEST_VID:
        yield finding("vid", f"its vid must be 0 to {HIGHEST_VID}, or none")
    for field, (least, most) in SETTING_LIMITS.items():
        if not least <= getattr(vlan.settings, field) <= most:
            yield finding(field, f"{field} must be {least} to {most}")


def _vlans_alike(vlans: Collection[Vlan]) -> Iterator[Finding]:
    for first, second in _alike(vlans, lambda vlan: vlan.name):
        yield _finding(
            f"vlan {shown(second.name)}: another VLAN has this name (id {first.id}); "
            "choose another",
            _place("vlan", second, "name"),
            _place("vlan", first, "name"),
        )
    tagged = [vlan for vlan in vlans if vlan.vid is not None]
    for first, second in _alike(tagged, lambda vlan: (vlan.fabric, vlan.vid)):
        yield _finding(
            f"vlan {shown(second.name)}: {shown(first.name)} has vid {second.vid} on fabric "
            f"{shown(second.fabric)}; choose another vid or fabric",
            _place("vlan", second, "vid"),
            _place("vlan", first, "vid"),
        )


def _cards_with_two_reservations(vlan: Vlan) -> Iterator[Finding]:
    """One card may be on several VLANs with tags, but has one address on each."""
    both = [(subnet, kept) for subnet in vlan.subnets for kept in subnet.reservations]
    for (subnet, first), (other_subnet, second) in _alike(both, lambda pair: pair[1].mac):
        yield _finding(
            f"reservation {second.mac} {second.address}: this card has {first.address} on VLAN "
            f"{shown(vlan.name)} already; delete one of the two",
            _place("reservation", second, "mac"),
            _place("reservation", first, "mac"),
            _place("subnet", other_subnet, "vlan"),
            _place("subnet", subnet, "vlan"),
        )


# Subnets


def _about_subnet(subnet: Subnet) -> Iterator[Finding]:
    def finding(field: str, sentence: str) -> Finding:
        return _finding(f"subnet {subnet.cidr}: {sentence}", _place("subnet", subnet, field))

    if not LEAST_PREFIX <= subnet.cidr.prefixlen <= MOST_PREFIX:
        yield finding("cidr", f"its prefix must be {LEAST_PREFIX} to {MOST_PREFIX}")
    elif not _is_for_hosts(subnet.cidr.network_address):
        yield finding("cidr", "hosts cannot have addresses there; choose one from 1.0.0.0 to 223.x")
    if not _is_domain(subnet.domain):
        yield finding(
            "domain",
            f"{shown(subnet.domain)} is not a domain such as example.com; correct it, or give "
            "an empty one",
        )


def _about_servers(subnet: Subnet) -> Iterator[Finding]:
    for field in ("dns_servers", "ntp_servers"):
        place = _place("subnet", subnet, field)
        servers: tuple[IPv4Address, ...] = getattr(subnet, field)
        if len(servers) > MOST_SERVERS:
            sentence = f"at most {MOST_SERVERS} {field} can be told to clients; remove some"
            yield _finding(f"subnet {subnet.cidr}: {sentence}", place)
        for server in servers:
            if not _is_for_hosts(server, loopback=True):
                sentence = f"{server} in {field} cannot be a host's address; remove it"
                yield _finding(f"subnet {subnet.cidr}: {sentence}", place)


def _about_gateway(subnet: Subnet) -> Iterator[Finding]:
    if subnet.gateway is None:
        return
    place = _place("subnet", subnet, "gateway")
    problem = _problem_in(subnet.cidr, subnet.gateway)
    if problem is not None:
        yield _finding(
            f"subnet {subnet.cidr}: the gateway {subnet.gateway} {problem}; "
            "give an address of a host in it",
            place,
            _place("subnet", subnet, "cidr"),
        )
    for each in subnet.ranges:
        if each.first <= subnet.gateway <= each.last:
            yield _finding(
                f"subnet {subnet.cidr}: the gateway {subnet.gateway} is inside the range "
                f"{each.first}-{each.last}; end the range before it or begin it after it",
                place,
                _place("range", each, "first"),
            )


def _overlapping_subnets(subnets: Iterable[Subnet]) -> Iterator[Finding]:
    """Two networks overlap only when one is inside the other: sorted, it follows that one."""
    around: list[Subnet] = []
    for subnet in sorted(subnets, key=lambda each: (each.cidr, each.id)):
        while around and around[-1].cidr.broadcast_address < subnet.cidr.network_address:
            around.pop()
        if around:
            yield _finding(
                f"subnet {subnet.cidr}: it overlaps {around[-1].cidr}; delete one of the two, or "
                "choose networks apart",
                _place("subnet", subnet, "cidr"),
                _place("subnet", around[-1], "cidr"),
            )
        around.append(subnet)


# Ranges


def _about_ranges(subnet: Subnet) -> Iterator[Finding]:
    for each in subnet.ranges:
        yield from _about_range(subnet, each)
    forward = sorted(
        (each for each in subnet.ranges if each.first <= each.last), key=lambda each: each.first
    )
    farthest: Range | None = None
    for each in forward:
        if farthest is not None and each.first <= farthest.last:
            yield _finding(
                f"range {each.first}-{each.last}: it overlaps {farthest.first}-{farthest.last}; "
                "choose addresses that are in one of the two",
                _place("range", each, "first"),
                _place("range", farthest, "last"),
            )
        if farthest is None or each.last > farthest.last:
            farthest = each


def _about_range(subnet: Subnet, each: Range) -> Iterator[Finding]:
    name = f"range {each.first}-{each.last}"
    for field, address in (("first", each.first), ("last", each.last)):
        problem = _problem_in(subnet.cidr, address)
        if problem is not None:
            yield _finding(
                f"{name}: {address} {problem}; choose its {field} address in it",
                _place("range", each, field),
                _place("subnet", subnet, "cidr"),
            )
    if each.first > each.last:
        yield _finding(
            f"{name}: it ends before it begins; exchange the two addresses",
            _place("range", each, "last"),
        )
    if int(each.last) - int(each.first) >= MOST_RANGE_ADDRESSES:
        yield _finding(
            f"{name}: a range has at most {MOST_RANGE_ADDRESSES} addresses; make it smaller",
            _place("range", each, "last"),
        )


# Reservations


def _about_reservations(subnet: Subnet) -> Iterator[Finding]:
    for kept in subnet.reservations:
        yield from _about_reservation(subnet, kept)
    for first, second in _alike(subnet.reservations, lambda kept: kept.address):
        yield _finding(
            f"reservation {second.mac} {second.address}: the address is kept for {first.mac} "
            "already; choose another",
            _place("reservation", second, "address"),
            _place("reservation", first, "address"),
        )
    in_order = sorted(subnet.reservations, key=lambda kept: kept.address)
    addresses = [kept.address for kept in in_order]
    for each in subnet.ranges:
        begin = bisect_left(addresses, each.first)
        for kept in in_order[begin:]:
            if kept.address > each.last:
                break
            yield _finding(
                f"reservation {kept.mac} {kept.address}: the address is inside the range "
                f"{each.first}-{each.last}, so others would get it too; choose one outside",
                _place("reservation", kept, "address"),
                _place("range", each, "first"),
            )


def _about_reservation(subnet: Subnet, kept: Reservation) -> Iterator[Finding]:
    name = f"reservation {shown(kept.mac)} {kept.address}"
    problem = _mac_problem(kept.mac)
    if problem is not None:
        yield _finding(f"{name}: the card's address {problem}", _place("reservation", kept, "mac"))
    problem = _problem_in(subnet.cidr, kept.address)
    if problem is not None:
        yield _finding(
            f"{name}: the address {problem}; choose one of a host in it",
            _place("reservation", kept, "address"),
            _place("subnet", subnet, "cidr"),
        )
    if kept.address == subnet.gateway:
        yield _finding(
            f"{name}: the address is the gateway's of {subnet.cidr}; choose another",
            _place("reservation", kept, "address"),
            _place("subnet", subnet, "gateway"),
        )
    if not _can_be_told(kept.hostname):
        yield _finding(
            f"{name}: its hostname must be text of at most {MOST_HOSTNAME_BYTES} bytes in UTF-8, "
            "without the character NUL; shorten it",
            _place("reservation", kept, "hostname"),
        )


# What all of them need


def _problem_in(cidr: IPv4Network, address: IPv4Address) -> str | None:
    """Tell why no host of this network can have the address; None when one can."""
    if address not in cidr:
        return f"is outside the subnet {cidr}"
    if address == cidr.network_address:
        return f"is the network's own address in {cidr}"
    if address == cidr.broadcast_address:
        return f"is the broadcast address of {cidr}"
    return None


def _is_for_hosts(address: IPv4Address, *, loopback: bool = False) -> bool:
    first = address.packed[0]
    return 0 < first < 224 and (loopback or not address.is_loopback)  # noqa: PLR2004  RFC 6890


def _is_domain(text: str) -> bool:
    return text == "" or (
        len(text) <= MOST_DOMAIN_CHARACTERS
        and all(DOMAIN_LABEL.fullmatch(label) for label in text.split("."))
    )


def _can_be_told(text: str) -> bool:
    try:
        return len(text.encode()) <= MOST_HOSTNAME_BYTES and "\0" not in text
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _alike(
    objects: Iterable[Object], key: Callable[[Object], Hashable]
) -> Iterator[tuple[Object, Object]]:
    """Give pairs of objects with one key, each with the one before it."""
    groups: defaultdict[Hashable, list[Object]] = defaultdict(list)
    for each in objects:
        groups[key(each)].append(each)
    for group in groups.values():
        yield from pairwise(group)


def _place(noun: Noun, it: Vlan | Subnet | Range | Reservation, field: str) -> Place:
    return Place(noun=noun, id=it.id, field=field)


def _finding(sentence: str, *places: Place) -> Finding:
    return Finding(sentence=sentence, places=places)


def shown(text: str) -> str:
    """Quote a text from outside, which may hold anything, for a sentence."""
    return json.dumps(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}...")
