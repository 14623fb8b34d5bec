"""Leases as a DHCP server wrote them down, and how a region asks a rack for them."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import pairwise
from typing import Any, Literal, get_args

from attrs import field, frozen

from evenrack.model.json_form import LATER, from_json

LeaseAddress = IPv4Address | IPv6Address
LeaseNetwork = IPv4Network | IPv6Network

LeaseState = Literal[
    "active", "expired", "released", "free", "backup", "abandoned", "reset", "unknown"
]
"""dhcpd's own words, dhcpd.leases(5); `unknown` where an entry has none of them."""

LEASE_STATES: frozenset[str] = frozenset(get_args(LeaseState))

MOST_LEASES = 1_000
"""In one answer: reading them takes neither end of a link more than a moment."""

MOST_LEASE_NETWORKS = 1_000
"""That one question is about."""

MOST_TEXT_CHARACTERS = 255
"""Of a text that a client sent: an option of DHCP has no more bytes (RFC 2132)."""

MOST_DUID_BYTES = 130
"""With its type (RFC 8415 section 11.1)."""

MOST_IAID = 0xFFFFFFFF

LATEST = 253_402_300_799
"""The last second of the year 9999, of Unix: what comes after it nobody can write as a date."""


@frozen(kw_only=True)
class DhcpLease:
    """The newest that one server wrote down of one address."""

    address: LeaseAddress
    state: LeaseState = "unknown"
    mac: str | None = None
    """Of IPv6 the card that is in the DUID, if there is one."""
    hostname: str | None = None
    """As the client sent it."""
    vendor_class: str | None = None
    starts: int | None = None
    """In seconds of Unix, as all times here."""
    ends: int | None = None
    never_ends: bool = False
    heard: int | None = None
    """When the server last had to do with the client (`cltt`)."""
    duid: str | None = field(default=None, metadata=LATER)
    """By which an IPv6 client is known: pairs of hexadecimal digits with colons."""
    iaid: int | None = field(default=None, metadata=LATER)
    """The number under which that client asked for this address (RFC 8415 section 4.2)."""


@frozen(kw_only=True)
class LeasesAsked:
    """Which leases are asked for: of these networks, with higher addresses than `after`."""

    networks: tuple[LeaseNetwork, ...]
    after: LeaseAddress | None = None


@frozen(kw_only=True)
class LeasePage:
    """Some leases in the order of their addresses, and whether there are higher ones.

    Those of IPv6 come after those of IPv4.
    """

    leases: tuple[DhcpLease, ...] = ()
    more: bool = False


def place_of(address: LeaseAddress) -> tuple[int, int]:
    """Give where an address stands in the order of both families."""
    return address.version, int(address)


def leases_asked_from_json(form: Any) -> LeasesAsked:
    """Read a question; ValueError when it is not one or is unreasonably large."""
    asked = from_json(form, LeasesAsked)
    if len(asked.networks) > MOST_LEASE_NETWORKS:
        raise ValueError(f"at most {MOST_LEASE_NETWORKS} networks can be asked about")
    return asked


def lease_page_from_json(form: Any) -> LeasePage:
    """Read an answer; ValueError when it is not one, or cannot go on from its last address."""
    page = from_json(form, LeasePage)
    if len(page.leases) > MOST_LEASES or (page.more and not page.leases):
        raise ValueError(f"a page has at most {MOST_LEASES} leases, and the last has no more")
    places = [place_of(lease.address) for lease in page.leases]
    if any(one >= next_one for one, next_one in pairwise(places)):
        raise ValueError("the addresses are not in order")
    for lease in page.leases:
        check_lease(lease)
    return page


def check_lease(lease: DhcpLease) -> None:
    """ValueError for texts and times that no lease has."""
    texts = (lease.mac, lease.hostname, lease.vendor_class)
    if any(text is not None and len(text) > MOST_TEXT_CHARACTERS for text in texts):
        raise ValueError(f"a text has at most {MOST_TEXT_CHARACTERS} characters")
    times = (lease.starts, lease.ends, lease.heard)
    if any(time is not None and not 0 <= time <= LATEST for time in times):
        raise ValueError("a time is not within the years 1970 to 9999")
    if lease.duid is not None and len(lease.duid) >= 3 * MOST_DUID_BYTES:
        raise ValueError(f"a DUID has at most {MOST_DUID_BYTES} bytes")
    if lease.iaid is not None and not 0 <= lease.iaid <= MOST_IAID:
        raise ValueError(f"an identity has a number up to {MOST_IAID}")
