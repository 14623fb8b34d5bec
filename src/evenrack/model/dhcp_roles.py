"""Who serves a VLAN: as it is decided (a pair), and as it is in the files (a service)."""

from ipaddress import IPv4Address

from attrs import evolve, frozen

from evenrack.model.dhcp_plan import Role
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import RackId, VlanId


@frozen(kw_only=True)
class Pair:
    """The racks that are designated for a VLAN."""

    primary: RackId
    secondary: RackId | None = None
    number: FleetNumber = BEFORE_ALL
    """The number of the decision."""

    @property
    def racks(self) -> tuple[RackId, ...]:
        """Both, or the one."""
        return (self.primary,) if self.secondary is None else (self.primary, self.secondary)


@frozen(kw_only=True)
class Pins:
    """The racks that an operator named for the roles of a VLAN."""

    primary: RackId | None = None
    secondary: RackId | None = None


@frozen(kw_only=True)
class Server:
    """One rack that has a VLAN in its configuration file, with its address there."""

    rack: RackId
    address: IPv4Address


@frozen(kw_only=True)
class Service:
    """The racks that have a VLAN in their configuration files, or are to have it there."""

    primary: Server
    secondary: Server | None = None
    number: FleetNumber = BEFORE_ALL
    """The fleet's number when it, or the VLAN's content, last changed."""
    met: bool = True
    """Both have been `normal` together, so that each has every lease. Until then one of them has
    none, and the other goes on alone when that one is lost."""
    hurries: bool = False
    """An operator said that its change is not to wait for a rack that is away."""

    leaving: RackId | None = None
    """The one of the two that is to stop serving it. The other's file stays as it is until that is
    known: who has another peer gives the addresses of the first one's clients away."""
    lower: RackId | None = None
    """Who gives away the lower half of each IPv6 range (`halves`), also after it is gone; None
    where one rack ever had all of it."""
    held: RackId | None = None
    """Who has a half that another rack gave away before; of one that is alone also who had the
    other half."""

    @property
    def servers(self) -> tuple[Server, ...]:
        """Both, or the one."""
        return (self.primary,) if self.secondary is None else (self.primary, self.secondary)

    @property
    def staying(self) -> tuple[RackId, ...]:
        """The racks that are to have it in their files."""
        return tuple(rack for rack in self.racks if rack != self.leaving)

    @property
    def racks(self) -> tuple[RackId, ...]:
        """The racks of its servers, the primary first."""
        first, second = self.primary.rack, self.secondary
        return (first,) if second is None else (first, second.rack)

    def own(self, rack: RackId) -> Server:
        """Give the server on this rack, which must be one of them."""
        return next(server for server in self.servers if server.rack == rack)

    def peer_of(self, rack: RackId) -> Server | None:
        """Give the other server; None for one that is alone."""
        if self.primary.rack != rack:
            return self.primary
        second = self.secondary
        return None if second is None or second.rack == rack else second

    def role_of(self, rack: RackId) -> Role:
        """Say what this rack, one of the servers, is."""
        if self.secondary is None:
            return "alone"
        return "primary" if rack == self.primary.rack else "secondary"

    def exchanged(self) -> "Service":
        """Give the pair with its roles exchanged; one that is alone as it is."""
        if self.secondary is None:
            return self
        return evolve(self, primary=self.secondary, secondary=self.primary)

    def same_servers(self, other: "Service | None") -> bool:
        """Tell whether another one has the same servers in the same roles, and staying."""
        return other is not None and (self.servers, self.leaving) == (other.servers, other.leaving)


@frozen(kw_only=True)
class Newcomer:
    """A rack whose server waits before it serves a VLAN, though it never served it before."""

    vlan: VlanId
    rack: RackId
    peer: RackId


@frozen(kw_only=True)
class Turn:
    """A rack's turn to restart its server."""

    plan: str
    """The fingerprint of the plan that it may apply."""
    ends: bool = False
    """Its peer left it a role, and takes that back soon: it may not be late, and takes its own old
    role back when the two do not become `normal`."""
