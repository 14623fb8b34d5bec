"""What DHCP serves: VLANs with their subnets, ranges and reservations."""

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from attrs import evolve, field, frozen, resolve_types

from evenrack.model.boot import BootSettings
from evenrack.model.identifiers import RangeId, ReservationId, SubnetId, VlanId
from evenrack.model.json_form import LATER, to_json
from evenrack.model.json_text import Written, json_text
from evenrack.model.network6 import Subnet6
from evenrack.model.snippet import Snippet

_text_of = json.JSONEncoder(sort_keys=True).encode


@frozen(kw_only=True)
class Range:
    """Addresses that are given to whoever asks, or never; both ends belong to it."""

    id: RangeId
    first: IPv4Address
    last: IPv4Address
    reserved: bool = field(default=False, metadata=LATER)
    """Never given to whoever asks; reservations may be in it."""


@frozen(kw_only=True)
class Reservation:
    """One address that is kept for one machine, by its network card or cards."""

    id: ReservationId
    mac: str
    """Six pairs of hexadecimal digits in small letters, with colons."""
    address: IPv4Address
    hostname: str = ""
    """Told to the client (RFC 2132 option 12); any text, empty for none."""
    other_macs: tuple[str, ...] = field(default=(), metadata=LATER)
    """More cards of the same machine, of which one asks at a time."""

    @property
    def macs(self) -> tuple[str, ...]:
        """Give all its cards, the first one first."""
        return self.mac, *self.other_macs

    @cached_property
    def as_json(self) -> str:
        """Its form as JSON with sorted keys: made once, and not again when another one changes."""
        return _text_of(to_json(self))


@frozen(kw_only=True)
class Subnet:
    """One IPv4 network on a VLAN, and what its clients are told."""

    id: SubnetId
    cidr: IPv4Network
    gateway: IPv4Address | None = None
    dns_servers: tuple[IPv4Address, ...] = ()
    ntp_servers: tuple[IPv4Address, ...] = ()
    domain: str = ""
    search_domains: tuple[str, ...] = field(default=(), metadata=LATER)
    """Where clients look names up that have no dot (RFC 3397), in this order."""
    allow_unknown: bool = field(default=True, metadata=LATER)
    """Whether cards without a reservation are given addresses of its ranges."""
    ranges: tuple[Range, ...] = ()
    """Those that are given away."""
    reserved_ranges: tuple[Range, ...] = field(default=(), metadata=LATER)
    reservations: tuple[Reservation, ...] = ()


@frozen(kw_only=True)
class VlanSettings:
    """How a VLAN's addresses are leased, its servers fail over, and what all its clients are told.

    See dhcpd.conf(5).
    """

    lease_seconds: int = 600
    """How long a lease lasts for who asks for no time: seconds, 60 to 31,536,000. Default 600."""
    max_response_delay: int = 60
    """Silence after which a peer counts as gone: seconds, 5 to 600. Default 60."""
    mclt: int = 3600
    """Maximum client lead time: seconds, 10 to 86,400. Default 3600."""
    split: int = 255
    """How many of 256 hash buckets the primary answers: 0 to 256. Default 255."""
    min_lease_seconds: int | None = field(default=None, metadata=LATER)
    """The least that a client which asks for a time is given; None: `lease_seconds`."""
    max_lease_seconds: int | None = field(default=None, metadata=LATER)
    """The most that it is given; None: `lease_seconds`."""
    mtu: int | None = field(default=None, metadata=LATER)
    """Told to clients: bytes, 576 to 65,535; None when they are not told."""

    @property
    def lease_limits(self) -> tuple[int, int]:
        """Give the least and the most that a client is given: seconds."""
        usual, least, most = self.lease_seconds, self.min_lease_seconds, self.max_lease_seconds
        return usual if least is None else least, usual if most is None else most


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
    boot: BootSettings = field(factory=BootSettings, metadata=LATER)
    subnets: tuple[Subnet, ...] = ()
    relay_vlan: VlanId | None = field(default=None, metadata=LATER)
    """The VLAN whose racks serve this one, as its router sends them what its clients ask."""
    relayed: tuple["Vlan", ...] = field(default=(), metadata=LATER)
    """In a plan: what is served in this VLAN's pair besides, in the order of the ids."""
    snippets: tuple[Snippet, ...] = field(default=(), metadata=LATER)
    """Text of administrators for the VLAN and for what is in it."""
    subnets6: tuple[Subnet6, ...] = field(default=(), metadata=LATER)
    """Its IPv6 networks. Racks are found by the IPv4 ones: a rack serves both, or neither."""

    def address_of(self, addresses: tuple[IPv4Interface, ...]) -> IPv4Address | None:
        """Find which of a host's addresses is on this VLAN: the first one in a subnet of it."""
        for subnet in self.subnets:
            for address in addresses:
                if address.ip in subnet.cidr:
                    return address.ip
        return None

    @cached_property
    def as_json(self) -> str:
        """Its form as JSON with sorted keys: made once, since it may have 100,000 reservations."""
        return json_text(_partly_written(self))

    @cached_property
    def json_sha256(self) -> str:
        """The SHA-256 of that, in hexadecimal."""
        return hashlib.sha256(self.as_json.encode()).hexdigest()

    @property
    def without_reservations(self) -> "Vlan":
        """Give it, and what it relays, with none."""
        return evolve(
            self,
            relayed=tuple(vlan.without_reservations for vlan in self.relayed),
            subnets=tuple(evolve(net, reservations=()) for net in self.subnets),
        )

    @property
    def has_racks(self) -> bool:
        """Tell whether racks are to be designated for it: DHCP is on, and it is not relayed."""
        return self.dhcp_on and self.relay_vlan is None

    @property
    def served(self) -> Iterator["Vlan"]:
        """Give what its servers serve: itself, then the VLANs that it relays."""
        yield self
        yield from self.relayed

    @property
    def all_subnets(self) -> Iterator[Subnet]:
        """Give its subnets, then those of the VLANs that it relays."""
        for vlan in self.served:
            yield from vlan.subnets

    @property
    def has_ipv6(self) -> bool:
        """Tell whether it, or a VLAN that it relays, has an IPv6 network."""
        return any(vlan.subnets6 for vlan in self.served)

    @property
    def ranges(self) -> Iterator[Range]:
        """Give the ranges of all these subnets."""
        for subnet in self.all_subnets:
            yield from subnet.ranges


def _partly_written(vlan: Vlan) -> dict[str, Any]:
    """Give a VLAN's form, with its reservations written."""
    form: dict[str, Any] = to_json(evolve(vlan, relayed=(), subnets=()))
    nets = [to_json(evolve(net, reservations=())) for net in vlan.subnets]
    for net, of_net in zip(vlan.subnets, nets, strict=True):
        texts = ", ".join([it.as_json for it in net.reservations])
        of_net["reservations"] = Written(f"[{texts}]")
    relayed = [_partly_written(each) for each in vlan.relayed]
    return {**form, "subnets": nets, **({"relayed": relayed} if relayed else {})}


resolve_types(Vlan)  # it is in itself
