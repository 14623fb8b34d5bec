"""What DHCPv6 serves on a VLAN: IPv6 networks with their ranges, and addresses that are kept."""

from ipaddress import IPv6Address, IPv6Network
from typing import Literal

from attrs import field, frozen

from evenrack.model.identifiers import RangeId, ReservationId, SubnetId
from evenrack.model.json_form import LATER

Half = Literal["whole", "lower", "upper", "none"]
"""What of each range a rack gives away: all of it, or its half (`halves`)."""


@frozen(kw_only=True)
class Range6:
    """Addresses that are given to whoever asks, or never; both ends belong to it."""

    id: RangeId
    first: IPv6Address
    last: IPv6Address
    reserved: bool = field(default=False, metadata=LATER)
    """Never given to whoever asks; reservations may be in it."""


@frozen(kw_only=True)
class Reservation6:
    """One address that is kept for one machine: by its DUID, or by the card that is in the DUID."""

    id: ReservationId
    address: IPv6Address
    duid: str | None = field(default=None, metadata=LATER)
    """Pairs of hexadecimal digits in small letters, with colons (RFC 8415 section 11)."""
    mac: str | None = field(default=None, metadata=LATER)
    """As that of an IPv4 reservation; one of the two is given, and never both."""

    @property
    def name(self) -> str:
        """Give that by which it is found."""
        return self.duid or self.mac or ""


@frozen(kw_only=True)
class Subnet6:
    """One IPv6 network on a VLAN, and what its clients are told.

    Its router is not among that: clients hear of it from the router itself (RFC 4861).
    """

    id: SubnetId
    cidr: IPv6Network
    dns_servers: tuple[IPv6Address, ...] = ()
    ntp_servers: tuple[IPv6Address, ...] = ()
    search_domains: tuple[str, ...] = ()
    """Where clients look names up that have no dot (RFC 3646), in this order."""
    allow_unknown: bool = True
    """Whether machines without a reservation are given addresses of its ranges."""
    ranges: tuple[Range6, ...] = ()
    """Those that are given away."""
    reserved_ranges: tuple[Range6, ...] = field(default=(), metadata=LATER)
    hosts: tuple[Reservation6, ...] = ()
    """Its reservations."""
