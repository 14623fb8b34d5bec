"""What the reservations on a VLAN must fulfil: which cards, which addresses, which names."""

import re
from bisect import bisect_left
from collections.abc import Iterator

from evenrack.model.findings import Finding, alike, found, place_of, shown
from evenrack.model.host_address import problem_in
from evenrack.model.network import Reservation, Subnet, Vlan

MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
MOST_HOSTNAME_BYTES = 255
"""What one DHCP option holds (RFC 2132 section 2)."""
MOST_OTHER_CARDS = 15


def mac_from_text(text: str) -> str:
    """Read the address of a network card: six pairs of digits with colons or dashes.

    Gives it in small letters with colons; ValueError says what is wrong.
    """
    mac = text.strip().lower()
    mac = mac.replace("-", ":") if ":" not in mac else mac
    problem = mac_problem(mac)
    if problem is not None:
        raise ValueError(f"{shown(text)} {problem}")
    return mac


def mac_problem(mac: str) -> str | None:
    """Tell why an address is not that of one network card; None when it is."""
    if MAC.fullmatch(mac) is None:
        return "is not six pairs of hexadecimal digits; write it as 52:54:00:12:34:56"
    if int(mac[:2], 16) & 1:
        return "is a group's address; give the card's own, whose first pair is even"
    if mac == "00:00:00:00:00:00":
        return "belongs to no card; give the card's own"
    return None


def cards_with_two_reservations(vlan: Vlan) -> Iterator[Finding]:
    """One card may be on several VLANs with tags, but has one address on each."""
    every = [
        (subnet, kept, mac, "mac" if number == 0 else "other_macs")
        for subnet in vlan.subnets
        for kept in subnet.reservations
        for number, mac in enumerate(kept.macs)
    ]
    for one, another in alike(every, lambda card: card[2]):
        (subnet, first, mac, field), (other_subnet, second, _, other_field) = one, another
        if first is second:
            sentence = f"it names the card {shown(mac)} twice; name each once"
        else:
            sentence = (
                f"the card {shown(mac)} has {first.address} on VLAN {shown(vlan.name)} already; "
                "take it away from one of the two"
            )
        yield found(
            f"reservation {second.mac} {second.address}: {sentence}",
            place_of("reservation", second, other_field),
            place_of("reservation", first, field),
            place_of("subnet", other_subnet, "vlan"),
            place_of("subnet", subnet, "vlan"),
        )


def about_reservations(subnet: Subnet) -> Iterator[Finding]:
    """Find what is wrong with the reservations of one subnet."""
    for kept in subnet.reservations:
        yield from _about_reservation(subnet, kept)
    for first, second in alike(subnet.reservations, lambda kept: kept.address):
        yield found(
            f"reservation {second.mac} {second.address}: the address is kept for {first.mac} "
            "already; choose another",
            place_of("reservation", second, "address"),
            place_of("reservation", first, "address"),
        )
    in_order = sorted(subnet.reservations, key=lambda kept: kept.address)
    addresses = [kept.address for kept in in_order]
    for each in subnet.ranges:
        begin = bisect_left(addresses, each.first)
        for kept in in_order[begin:]:
            if kept.address > each.last:
                break
            yield found(
                f"reservation {kept.mac} {kept.address}: the address is inside the range "
                f"{each.first}-{each.last}, so others would get it too; choose one outside",
                place_of("reservation", kept, "address"),
                place_of("range", each, "first"),
            )


def _about_reservation(subnet: Subnet, kept: Reservation) -> Iterator[Finding]:
    name = f"reservation {shown(kept.mac)} {kept.address}"
    yield from _about_cards(name, kept)
    problem = problem_in(subnet.cidr, kept.address)
    if problem is not None:
        yield found(
            f"{name}: the address {problem}; choose one of a host in it",
            place_of("reservation", kept, "address"),
            place_of("subnet", subnet, "cidr"),
        )
    if kept.address == subnet.gateway:
        yield found(
            f"{name}: the address is the gateway's of {subnet.cidr}; choose another",
            place_of("reservation", kept, "address"),
            place_of("subnet", subnet, "gateway"),
        )
    if not _can_be_told(kept.hostname):
        yield found(
            f"{name}: its hostname must be text of at most {MOST_HOSTNAME_BYTES} bytes in UTF-8, "
            "without the character NUL; shorten it",
            place_of("reservation", kept, "hostname"),
        )


def _about_cards(name: str, kept: Reservation) -> Iterator[Finding]:
    for number, mac in enumerate(kept.macs):
        problem = mac_problem(mac)
        if problem is not None:
            card = "the card's address" if number == 0 else f"{shown(mac)} in other_macs"
            place = place_of("reservation", kept, "mac" if number == 0 else "other_macs")
            yield found(f"{name}: {card} {problem}", place)
    if len(kept.other_macs) > MOST_OTHER_CARDS:
        yield found(
            f"{name}: at most {MOST_OTHER_CARDS} other_macs are kept an address for; remove some",
            place_of("reservation", kept, "other_macs"),
        )


def _can_be_told(text: str) -> bool:
    try:
        return len(text.encode()) <= MOST_HOSTNAME_BYTES and "\0" not in text
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
