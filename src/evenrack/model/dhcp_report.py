"""What a rack says of its DHCP server: what it serves, what waits for its turn, what went wrong."""

from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Address
from typing import Any, Literal

from attrs import evolve, field, frozen
from attrs.converters import optional

from evenrack.model.dhcp_lease import LATEST
from evenrack.model.dhcp_plan import SHARED, Role
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.json_form import LATER, from_json
from evenrack.model.network6 import Half

SideState = Literal[
    "alone",
    "down",
    "unknown",
    "startup",
    "normal",
    "communications-interrupted",
    "partner-down",
    "potential-conflict",
    "recover",
    "paused",
    "shutdown",
    "recover-done",
    "resolution-interrupted",
    "conflict-done",
    "recover-wait",
]
"""`alone` without a peer, `down` when dhcpd does not run, `unknown` when it does not say; the
others are the failover states of dhcpd (omapi, `local-state`)."""


MOST_TEXT_CHARACTERS = 1_000
"""Of any text in a report: its beginning says what went wrong, and every process reads it."""


MOST_ADDRESSES = 1 << 32
"""That there are."""

MOST_ADDRESSES6 = 1 << 128


def _beginning(text: str) -> str:
    return text[:MOST_TEXT_CHARACTERS]


@frozen(kw_only=True)
class AddressCount:
    """Of the addresses that a server gives to whoever asks, how many are nobody's."""

    total: int
    free: int
    """The primary's to give away; all of those that are nobody's where there is no pair."""
    backup: int = 0
    """The secondary's to give away."""

    @property
    def left(self) -> tuple[int, ...]:
        """Give the numbers that somebody may be waiting for: each may fall to nothing."""
        return self.free + self.backup, self.free, self.backup


@frozen(kw_only=True)
class RelayedAddresses:
    """The addresses of a VLAN that stands in another one's part of the file."""

    vlan: VlanId
    addresses: AddressCount


@frozen(kw_only=True)
class Ipv6Addresses:
    """Of the IPv6 addresses that a server gives to whoever asks, how many are nobody's.

    They are those of its half of each range, which may be far more than 2^64.
    """

    vlan: VlanId
    """The one that it serves, or one that this relays."""
    total: int
    free: int

    @property
    def left(self) -> tuple[int, ...]:
        """Give the numbers that somebody may be waiting for: each may fall to nothing."""
        return (self.free,)


@frozen(kw_only=True)
class ForeignServer:
    """A DHCP server that a rack hears on a VLAN, and that is neither its own nor its peer's."""

    address: IPv4Address
    """By which it calls itself."""
    mac: str | None = field(default=None, converter=optional(_beginning))
    """Where its answer came from; None where it was only named by a client."""
    since: int
    """When it was first heard, by the rack's clock: in seconds of Unix."""
    heard: int
    """When it was last heard, a few minutes ago at most."""


MOST_FOREIGN_SERVERS = 8
"""Of one VLAN: more tell an operator nothing."""


@frozen(kw_only=True)
class Ipv6Side:
    """The IPv6 networks of one VLAN as the rack's other server, that of DHCPv6, serves them now."""

    half: Half
    """Of each range, by the file that is to be applied."""
    held: bool = False
    """Another rack had that half, and its leases may not have ended: nobody is given any yet."""
    running: bool = False
    """Whether the server runs, and serves this VLAN."""
    applied: FleetNumber | None = None
    """Of the service (`VlanService.number`) that it was last started with; None for none."""
    error: str = field(default="", converter=_beginning)
    """Why it does not serve as it is to; empty when it does."""
    addresses: tuple[Ipv6Addresses, ...] = field(default=(), metadata=LATER)
    """Of each VLAN with IPv6, by what the server wrote down; none where it wrote nothing yet."""

    def addresses_of(self, vlan: VlanId) -> Ipv6Addresses | None:
        """Give what is left of a VLAN; None where it is not told."""
        return next((told for told in self.addresses if told.vlan == vlan), None)


@frozen(kw_only=True)
class VlanReport:
    """One VLAN as the rack's DHCP server serves it now."""

    vlan: VlanId
    number: FleetNumber
    """Of the service (`VlanService.number`) that is applied."""
    role: Role
    peer: RackId | None = None
    address: IPv4Address | None = None
    """This side's, in the file that is applied; None from a rack that does not tell."""
    peer_address: IPv4Address | None = None
    state: SideState = "unknown"
    addresses: AddressCount | None = field(default=None, metadata=LATER)
    """As the server wrote them down, up to a minute ago; None where it wrote nothing yet."""
    since: int | None = field(default=None, metadata=LATER)
    """When the state of a pair began, by the rack's clock: in seconds of Unix. None where it is not
    known, and for a server without a peer."""
    relayed: tuple[VlanId, ...] = field(default=(), metadata=LATER)
    """Which VLANs stand in this one's part of the file, since it relays them."""
    foreign: tuple[ForeignServer, ...] = field(default=(), metadata=LATER)
    """Other servers on the VLAN, by their addresses; some of them may be other racks."""
    relayed_addresses: tuple[RelayedAddresses, ...] = field(default=(), metadata=LATER)
    """As `addresses`, of the VLANs that this one relays."""
    ipv6: Ipv6Side | None = field(default=None, metadata=LATER)
    """None where there is none."""

    def addresses_of(self, vlan: VlanId) -> AddressCount | None:
        """Give what is left of this VLAN, or of one that it relays; None where it is not told."""
        if vlan == self.vlan:
            return self.addresses
        told = (it.addresses for it in self.relayed_addresses if it.vlan == vlan)
        return next(told, None)


@frozen(kw_only=True)
class VlanError:
    """One VLAN whose newest configuration was refused; its last good one is served, if any."""

    vlan: VlanId
    error: str = field(converter=_beginning)


@frozen(kw_only=True)
class DhcpReport:
    """One rack's DHCP server as a whole."""

    applied: str = field(default="", converter=_beginning)
    """Fingerprint of the DHCP plan that is served; empty when nothing is."""
    waiting: str = field(default="", converter=_beginning)
    """Fingerprint of a checked plan that waits for the rack's turn to restart; empty for none."""
    failed: str = field(default="", converter=_beginning)
    """Why the plan that waits did not start a moment ago; empty when it was not tried."""
    changing: bool = False
    """It has just exchanged roles, and takes the old ones back if its peer does not follow."""
    took_back: tuple[VlanId, ...] = ()
    """Where it has taken its old role back a moment ago."""
    running: bool = False
    """Whether dhcpd runs."""
    vlans: tuple[VlanReport, ...] = ()
    errors: tuple[VlanError, ...] = ()
    clock_ahead: int | None = field(default=None, metadata=LATER)
    """By how many seconds the host's clock, which dates leases, is ahead of the database's; below
    zero: behind. None where it is right, and from a rack that does not tell."""
    not_listening: str = field(default="", converter=_beginning, metadata=LATER)
    """Why the rack does not hear other DHCP servers on its VLANs; empty when it does."""

    @cached_property
    def sides(self) -> Mapping[VlanId, VlanReport]:
        """What it says of each VLAN; of one that it names twice the first."""
        return {side.vlan: side for side in reversed(self.vlans)}

    @property
    def is_vlan_refused(self) -> bool:
        """Tell whether any VLAN is not served as it is to be."""
        return any(error.vlan != SHARED for error in self.errors)

    @property
    def shared_error(self) -> str | None:
        """Say why the global snippets are not served as they are to be; None when they are."""
        return next((error.error for error in self.errors if error.vlan == SHARED), None)


NOTHING_SERVED = DhcpReport()


def dhcp_report_from_json(form: Any) -> DhcpReport:
    """Read a report; ValueError when the form is not one."""
    report = from_json(form, DhcpReport)
    for side in report.vlans:
        counts = [it.addresses for it in side.relayed_addresses]
        counts += [] if side.addresses is None else [side.addresses]
        if not all(map(_adds_up, counts)):
            raise ValueError(f"VLAN {side.vlan}: the counts of its addresses do not add up")
        if not {it.vlan for it in side.relayed_addresses} <= {*side.relayed}:
            raise ValueError(
                f"VLAN {side.vlan}: it counts addresses of a VLAN that it does not relay"
            )
        if side.ipv6 is not None:
            _check_addresses6(side, side.ipv6)
        if side.since is not None and not 0 <= side.since <= LATEST:
            raise ValueError(f"VLAN {side.vlan}: its state is not of the years 1970 to 9999")
        if len(side.foreign) > MOST_FOREIGN_SERVERS or not all(map(_is_dated, side.foreign)):
            raise ValueError(f"VLAN {side.vlan}: its other servers are too many, or not dated")
    return report


def as_before(report: DhcpReport) -> DhcpReport:
    """Leave out what came later, for a region process that does not know of it."""
    later: dict[str, Any] = {
        "addresses": None,
        "since": None,
        "foreign": (),
        "relayed_addresses": (),
        "ipv6": None,
    }
    vlans = tuple(evolve(side, **later) for side in report.vlans)
    return evolve(report, clock_ahead=None, not_listening="", vlans=vlans)


def _check_addresses6(side: VlanReport, ipv6: Ipv6Side) -> None:
    if not all(0 <= it.free <= it.total <= MOST_ADDRESSES6 for it in ipv6.addresses):
        raise ValueError(f"VLAN {side.vlan}: the counts of its IPv6 addresses do not add up")
    told = [it.vlan for it in ipv6.addresses]
    if len({*told}) < len(told) or not {*told} <= {side.vlan, *side.relayed}:
        raise ValueError(f"VLAN {side.vlan}: it counts IPv6 addresses twice, or not of its VLANs")


def _is_dated(server: ForeignServer) -> bool:
    return 0 <= server.since <= server.heard <= LATEST


def _adds_up(count: AddressCount) -> bool:
    of_nobody = count.free + count.backup
    return min(count.free, count.backup) >= 0 and of_nobody <= count.total <= MOST_ADDRESSES
