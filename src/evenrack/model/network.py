"""What DHCP serves: VLANs with their subnets, ranges and reservations."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from attrs import field, frozen

from evenrack.model.identifiers import RangeId, ReservationId, SubnetId, VlanId


@frozen(kw_only=True)
class Range:
    """Addresses that are given to whoever asks; both ends belong to it."""

    id: RangeId
    first: IPv4Address
    last: IPv4Address


@frozen(kw_only=True)
class Reservation:
    """One address that is kept for one network card."""

    id: ReservationId
    mac: str
    """Six pairs of hexadecimal digits in small letters, with colons."""
    address: IPv4Address
    hostname: str = ""
    """Told to the client (RFC 2132 option 12); any text, empty for none."""


@frozen(kw_only=True)
class Subnet:
    """One IPv4 network on a VLAN, and what its clients are told."""

    id: SubnetId
    cidr: IPv4Network
    gateway: IPv4Address | None = None
    dns_servers: tuple[IPv4Address, ...] = ()
    ntp_servers: tuple[IPv4Address, ...] = ()
    domain: str = ""
    ranges: tuple[Range, ...] = ()
    reservations: tuple[Reservation, ...] = ()


@frozen(kw_only=True)
class VlanSettings:
    """How a VLAN's addresses are leased and its servers fail over (dhcpd.conf(5))."""

    lease_seconds: int = 600
    """How long a lease lasts: seconds, 60 to 31,536,000. Default 600."""
    max_response_delay: int = 60
    """Silence after which a peer counts as gone: seconds, 5 to 600. Default 60."""
    mclt: int = 3600
    """Maximum client lead time: seconds, 10 to 86,400. Default 3600."""
    split: int = 255
    """How many of 256 hash buckets the primary answers: 0 to 256. Default 255."""


@frozen(kw_only=True)
class Vlan:
    """One layer 2 network."""

    id: VlanId
    name: str
    fabric: str = "default"
    """VLANs with one number on different fabrics are different VLANs."""
    vid: int | None = None
    """The number in the 802.1Q tag, 0 to 4094; None when it is not known."""
    dhcp_on: bool = False
    settings: VlanSettings = field(factory=VlanSettings)
    subnets: tuple[Subnet, ...] = ()

    def address_of(self, addresses: tuple[IPv4Interface, ...]) -> IPv4Address | None:
        """Find which of a host's addresses is on this VLAN: the first one in a subnet of it."""
        for subnet in self.subnets:
            for address in addresses:
                if address.ip in subnet.cidr:
                    return address.ip
        return None

    @property
    def ranges(self) -> Iterator[Range]:
        """Give the ranges of all its subnets."""
        for subnet in self.subnets:
            yield from subnet.ranges
