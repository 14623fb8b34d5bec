"""What IPv6 networks must fulfil before any DHCP server sees them.

`dhcpd -6 -t` lets pass what harms clients, as `dhcpd -4 -t` does, so each of these checks is ours.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from evenrack.model.domain_rules import about_search_domains
from evenrack.model.findings import Finding, alike, found, place_of, shown
from evenrack.model.network import Vlan
from evenrack.model.network6 import Reservation6, Subnet6
from evenrack.model.range_rules import about_ranges
from evenrack.model.reservation_rules import mac_problem

DUID: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){2,129}")
"""At most 128 bytes after the two of its type (RFC 8415 section 11.1)."""
LEAST_PREFIX, MOST_PREFIX = 16, 126
MOST_SERVERS = 63
_FOR_HOSTS: Final = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))
"""Addresses of the whole network (RFC 4291), and of a site alone (RFC 4193)."""
_LINK_LAYER_DUIDS: Final = ("00:01:00:01:", "00:03:00:01:")
"""DUID-LLT and DUID-LL of an Ethernet card: its address is their end."""


def duid_from_text(text: str) -> str:
    """Read a DUID: pairs of digits with colons; gives it in small letters. ValueError says why."""
    duid = text.lower()
    if DUID.fullmatch(duid) is None:
        raise ValueError(
            f"{shown(text)} is not a DUID of 3 to 130 bytes; write it as "
            "00:01:00:01:2a:2b:2c:2d:52:54:00:12:34:56"
        )
    return duid


def about_ipv6(vlans: Collection[Vlan]) -> Iterator[Finding]:
    """Find everything that is wrong with the IPv6 networks of these VLANs."""
    subnets = [subnet for vlan in vlans for subnet in vlan.subnets6]
    for vlan in vlans:
        yield from _without_ipv4(vlan)
        yield from _machines_with_two_reservations(vlan)
    yield from _overlapping(subnets)
    for subnet in subnets:
        yield from _about_subnet(subnet)
        yield from about_search_domains(subnet)
        yield from _about_servers(subnet)
        yield from about_ranges(subnet, problem_in)
        yield from _about_reservations(subnet)


# Subnets


def _without_ipv4(vlan: Vlan) -> Iterator[Finding]:
    """Racks find their VLANs by their IPv4 addresses; a relayed VLAN has those of another."""
    if vlan.subnets or vlan.relay_vlan is not None:
        return
    for subnet in vlan.subnets6:
        yield found(
            f"subnet {subnet.cidr}: VLAN {shown(vlan.name)} has no IPv4 subnet, by which the racks "
            "on it are found; create that first (it needs no range)",
            place_of("subnet", subnet, "vlan"),
        )


def newly_unheard(before: Collection[Vlan], after: Collection[Vlan]) -> Iterator[Finding]:
    """Find what a change puts behind a relay that no rack hears.

    dhcpd listens for one where it has an address. What was so before must not hinder a change.
    """
    were = {(subnet.id, by.id) for _, subnet, by in _unheard(before)}
    had = {vlan.id: vlan.subnets6 for vlan in before}
    for vlan, subnet, by in _unheard(after):
        if (subnet.id, by.id) in were:
            continue
        gone = [last for last in had.get(by.id, ()) if last.id != subnet.id]
        for last in gone:
            yield found(
                f"subnet {last.cidr}: it is the last of IPv6 on VLAN {shown(by.name)}, whose racks "
                f"hear by it the relay of {subnet.cidr} on {shown(vlan.name)}; turn DHCP of "
                f"{shown(vlan.name)} off first, or delete that one",
                place_of("subnet", last, "vlan"),
            )
        if not gone:
            yield found(
                f"subnet {subnet.cidr}: VLAN {shown(by.name)}, which relays {shown(vlan.name)}, "
                "has no IPv6 subnet, so its racks do not hear the relay; create one there first "
                "(it needs no range)",
                place_of("subnet", subnet, "vlan"),
                place_of("vlan", vlan, "relay_vlan"),
            )


def _unheard(vlans: Collection[Vlan]) -> Iterator[tuple[Vlan, Subnet6, Vlan]]:
    """Give each subnet whose relay is not heard, with its VLAN and the one that relays that."""
    by_id = {vlan.id: vlan for vlan in vlans}
    for vlan in vlans:
        by = by_id.get(vlan.relay_vlan) if vlan.dhcp_on and vlan.relay_vlan is not None else None
        if by is not None and not by.subnets6:
            yield from ((vlan, subnet, by) for subnet in vlan.subnets6)


def _about_subnet(subnet: Subnet6) -> Iterator[Finding]:
    place = place_of("subnet", subnet, "cidr")
    if not LEAST_PREFIX <= subnet.cidr.prefixlen <= MOST_PREFIX:
        sentence = f"its prefix must be {LEAST_PREFIX} to {MOST_PREFIX}; mostly it is 64"
        yield found(f"subnet {subnet.cidr}: {sentence}", place)
    elif not is_for_hosts(subnet.cidr.network_address):
        sentence = "hosts cannot have addresses there; choose one of 2000::/3 or fc00::/7"
        yield found(f"subnet {subnet.cidr}: {sentence}", place)


def _about_servers(subnet: Subnet6) -> Iterator[Finding]:
    for field in ("dns_servers", "ntp_servers"):
        place = place_of("subnet", subnet, field)
        servers: tuple[IPv6Address, ...] = getattr(subnet, field)
        if len(servers) > MOST_SERVERS:
            sentence = f"at most {MOST_SERVERS} {field} can be told to clients; remove some"
            yield found(f"subnet {subnet.cidr}: {sentence}", place)
        for server in servers:
            if not is_for_hosts(server):
                sentence = (
                    f"{server} in {field} is not an address of 2000::/3 or fc00::/7; remove it"
                )
                yield found(f"subnet {subnet.cidr}: {sentence}", place)


def _overlapping(subnets: Iterable[Subnet6]) -> Iterator[Finding]:
    """Two networks overlap only when one is inside the other: sorted, it follows that one."""
    around: list[Subnet6] = []
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


# Reservations


def _about_reservations(subnet: Subnet6) -> Iterator[Finding]:
    for kept in subnet.hosts:
        yield from _about_reservation(subnet, kept)
    for first, second in alike(subnet.hosts, lambda kept: kept.address):
        yield found(
            f"reservation {second.name} {second.address}: the address is kept for {first.name} "
            "already; choose another",
            place_of("reservation", second, "address"),
            place_of("reservation", first, "address"),
        )
    in_order = sorted(subnet.hosts, key=lambda kept: kept.address)
    addresses = [kept.address for kept in in_order]
    for each in subnet.ranges:
        for kept in in_order[bisect_left(addresses, each.first) :]:
            if kept.address > each.last:
                break
            yield found(
                f"reservation {kept.name} {kept.address}: the address is inside the range "
                f"{each.first}-{each.last}, so others would get it too; choose one outside",
                place_of("reservation", kept, "address"),
                place_of("range", each, "first"),
            )


def _about_reservation(subnet: Subnet6, kept: Reservation6) -> Iterator[Finding]:
    name = f"reservation {shown(kept.name)} {kept.address}"
    yield from _about_machine(name, kept)
    problem = problem_in(subnet.cidr, kept.address)
    if problem is not None:
        yield found(
            f"{name}: the address {problem}; choose one of a host in it",
            place_of("reservation", kept, "address"),
            place_of("subnet", subnet, "cidr"),
        )


def _about_machine(name: str, kept: Reservation6) -> Iterator[Finding]:
    if (kept.duid is None) == (kept.mac is None):
        sentence = "name the machine by its duid or by its mac, by one of the two"
        field = "duid" if kept.mac is None else "mac"
        yield found(f"{name}: {sentence}", place_of("reservation", kept, field))
    if kept.duid is not None and DUID.fullmatch(kept.duid) is None:
        yield found(
            f"{name}: its duid is not 3 to 130 pairs of hexadecimal digits with colons; correct it",
            place_of("reservation", kept, "duid"),
        )
    problem = None if kept.mac is None else mac_problem(kept.mac)
    if problem is not None:
        yield found(f"{name}: the card's address {problem}", place_of("reservation", kept, "mac"))


def _machines_with_two_reservations(vlan: Vlan) -> Iterator[Finding]:
    """Find machines that are named twice: a card is in most DUIDs, and dhcpd would find both."""
    every = [(subnet, kept) for subnet in vlan.subnets6 for kept in subnet.hosts]
    by_name = alike(every, lambda each: each[1].name)
    by_card = {kept.mac: (subnet, kept) for subnet, kept in every if kept.mac and not kept.duid}
    in_duid = [
        (by_card[card], each) for each in every if (card := card_in(each[1].duid)) in by_card
    ]
    for (subnet, first), (other_subnet, second) in (*by_name, *in_duid):
        yield found(
            f"reservation {second.name} {second.address}: the machine {first.name} has "
            f"{first.address} on VLAN {shown(vlan.name)} already; take one of the two away",
            place_of("reservation", second, "mac" if second.duid is None else "duid"),
            place_of("reservation", first, "mac" if first.duid is None else "duid"),
            place_of("subnet", other_subnet, "vlan"),
            place_of("subnet", subnet, "vlan"),
        )


def card_in(duid: str | None) -> str | None:
    """Give the Ethernet card that a DUID was made of, by which dhcpd looks, too; None for none."""
    if duid is None or not duid.startswith(_LINK_LAYER_DUIDS):
        return None
    return duid[-17:]


def problem_in(cidr: IPv6Network, address: IPv6Address) -> str | None:
    """Tell why no host of this network can have the address; None when one can."""
    if address not in cidr:
        return f"is outside the subnet {cidr}"
    if address == cidr.network_address:
        return f"is that of every router in {cidr} (RFC 4291 section 2.6.1)"
    return None


def is_for_hosts(address: IPv6Address) -> bool:
    """Tell whether a host can have the address beyond its own link."""
    return any(address in network for network in _FOR_HOSTS)
