"""What the inventory must fulfil before any DHCP server sees it.

`dhcpd -t` lets pass what harms clients (two reservations for one card, a reserved address inside a
range, overlapping subnets), so each of these checks is ours.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from operator import gt, lt
from types import MappingProxyType

from evenrack.model.boot_rules import about_boot
from evenrack.model.domain_rules import about_search_domains, is_domain
from evenrack.model.findings import MOST_SHOWN, Finding, alike, found, place_of, shown
from evenrack.model.host_address import is_for_hosts, problem_in
from evenrack.model.network import Subnet, Vlan
from evenrack.model.network6_rules import about_ipv6
from evenrack.model.range_rules import about_ranges
from evenrack.model.relay_rules import about_relays
from evenrack.model.reservation_rules import about_reservations, cards_with_two_reservations

NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")
HIGHEST_VID = 4094
LEAST_PREFIX, MOST_PREFIX = 8, 30
MOST_SERVERS = 63
"""IPv4 addresses in one DHCP option."""
MOST_RANGE_ADDRESSES = 1 << 20
"""dhcpd keeps a record of each address of a range in memory."""

SETTING_LIMITS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "lease_seconds": (60, 31_536_000),
        "max_response_delay": (5, 600),
        "mclt": (10, 86_400),
        "split": (0, 256),
    }
)
"""The least and the most of each of the VLAN's settings."""

OPTIONAL_LIMITS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "min_lease_seconds": SETTING_LIMITS["lease_seconds"],
        "max_lease_seconds": SETTING_LIMITS["lease_seconds"],
        "mtu": (576, 65_535),
    }
)
"""The same of those that may be none."""

SETTINGS = (*SETTING_LIMITS, *OPTIONAL_LIMITS)


def problems_of(vlans: Collection[Vlan]) -> tuple[Finding, ...]:
    """Find everything that is wrong with these VLANs, each alone and all together."""
    return tuple(_all_findings(vlans))


def _all_findings(vlans: Collection[Vlan]) -> Iterator[Finding]:
    subnets = [subnet for vlan in vlans for subnet in vlan.subnets]
    for vlan in vlans:
        yield from _about_vlan(vlan)
        yield from about_boot(vlan)
    yield from _vlansalike(vlans)
    yield from about_relays(vlans)
    yield from _overlapping_subnets(subnets)
    for vlan in vlans:
        yield from cards_with_two_reservations(vlan)
    for subnet in subnets:
        yield from _about_subnet(subnet)
        yield from _about_servers(subnet)
        yield from _about_gateway(subnet)
        yield from about_ranges(subnet, problem_in, most=MOST_RANGE_ADDRESSES)
        yield from about_reservations(subnet)
    yield from about_ipv6(vlans)


# VLANs


def _about_vlan(vlan: Vlan) -> Iterator[Finding]:
    def finding(field: str, sentence: str) -> Finding:
        return found(f"vlan {shown(vlan.name)}: {sentence}", place_of("vlan", vlan, field))

    for field, text in (("name", vlan.name), ("fabric", vlan.fabric)):
        if NAME.fullmatch(text) is None:
            yield finding(
                field, f"its {field} must be 1 to 63 letters, digits, dots, dashes or underscores"
            )
    if vlan.name.isascii() and vlan.name.isdecimal():
        yield finding("name", f"digits alone read as an id; name it vlan{vlan.name[:MOST_SHOWN]}")
    if vlan.vid is not None and not 0 <= vlan.vid <= HIGHEST_VID:
        yield finding("vid", f"its vid must be 0 to {HIGHEST_VID}, or none")
    for field, (least, most) in {**SETTING_LIMITS, **OPTIONAL_LIMITS}.items():
        value = getattr(vlan.settings, field)
        if value is not None and not least <= value <= most:
            yield finding(field, f"{field} must be {least} to {most}")
    yield from _lease_times_apart(vlan)


def _lease_times_apart(vlan: Vlan) -> Iterator[Finding]:
    default = vlan.settings.lease_seconds
    for field, is_wrong, side in (
        ("min_lease_seconds", gt, "more"),
        ("max_lease_seconds", lt, "less"),
    ):
        value = getattr(vlan.settings, field)
        if value is not None and is_wrong(value, default):
            yield found(
                f"vlan {shown(vlan.name)}: {field} {value} must not be {side} than lease_seconds "
                f"{default}; change one of the two",
                place_of("vlan", vlan, field),
                place_of("vlan", vlan, "lease_seconds"),
            )


def _vlansalike(vlans: Collection[Vlan]) -> Iterator[Finding]:
    for first, second in alike(vlans, lambda vlan: vlan.name):
        yield found(
            f"vlan {shown(second.name)}: another VLAN has this name (id {first.id}); "
            "choose another",
            place_of("vlan", second, "name"),
            place_of("vlan", first, "name"),
        )
    tagged = [vlan for vlan in vlans if vlan.vid is not None]
    for first, second in alike(tagged, lambda vlan: (vlan.fabric, vlan.vid)):
        yield found(
            f"vlan {shown(second.name)}: {shown(first.name)} has vid {second.vid} on fabric "
            f"{shown(second.fabric)}; choose another vid or fabric",
            place_of("vlan", second, "vid"),
            place_of("vlan", first, "vid"),
        )


# Subnets


def _about_subnet(subnet: Subnet) -> Iterator[Finding]:
    def finding(field: str, sentence: str) -> Finding:
        return found(f"subnet {subnet.cidr}: {sentence}", place_of("subnet", subnet, field))

    if not LEAST_PREFIX <= subnet.cidr.prefixlen <= MOST_PREFIX:
        yield finding("cidr", f"its prefix must be {LEAST_PREFIX} to {MOST_PREFIX}")
    elif not is_for_hosts(subnet.cidr.network_address):
        yield finding("cidr", "hosts cannot have addresses there; choose one from 1.0.0.0 to 223.x")
    if not is_domain(subnet.domain):
        yield finding(
            "domain",
            f"{shown(subnet.domain)} is not a domain such as example.com; correct it, or give "
            "an empty one",
        )
    yield from about_search_domains(subnet)


def _about_servers(subnet: Subnet) -> Iterator[Finding]:
    for field in ("dns_servers", "ntp_servers"):
        place = place_of("subnet", subnet, field)
        servers: tuple[IPv4Address, ...] = getattr(subnet, field)
        if len(servers) > MOST_SERVERS:
            sentence = f"at most {MOST_SERVERS} {field} can be told to clients; remove some"
            yield found(f"subnet {subnet.cidr}: {sentence}", place)
        for server in servers:
            if not is_for_hosts(server, loopback=True):
                sentence = f"{server} in {field} cannot be a host's address; remove it"
                yield found(f"subnet {subnet.cidr}: {sentence}", place)


def _about_gateway(subnet: Subnet) -> Iterator[Finding]:
    if subnet.gateway is None:
        return
    place = place_of("subnet", subnet, "gateway")
    problem = problem_in(subnet.cidr, subnet.gateway)
    if problem is not None:
        yield found(
            f"subnet {subnet.cidr}: the gateway {subnet.gateway} {problem}; "
            "give an address of a host in it",
            place,
            place_of("subnet", subnet, "cidr"),
        )
    for each in subnet.ranges:
        if each.first <= subnet.gateway <= each.last:
            yield found(
                f"subnet {subnet.cidr}: the gateway {subnet.gateway} is inside the range "
                f"{each.first}-{each.last}; end the range before it or begin it after it",
                place,
                place_of("range", each, "first"),
            )


def _overlapping_subnets(subnets: Iterable[Subnet]) -> Iterator[Finding]:
    """Two networks overlap only when one is inside the other: sorted, it follows that one."""
    around: list[Subnet] = []
    for subnet in sorted(subnets, key=lambda each: (each.cidr, each.id)):
        while around and around[-1].cidr.broadcast_address < subnet.cidr.network_address:
            around.pop()
        if around:
            yield found(
                f"subnet {subnet.cidr}: it overlaps {around[-1].cidr}; delete one of the two, or "
                "choose networks apart",
                place_of("subnet", subnet, "cidr"),
                place_of("subnet", around[-1], "cidr"),
            )
        around.append(subnet)
