"""What pairs are made of when only the essentials are given: racks, VLANs, and changes of roles."""

from typing import Literal

from attrs import field, frozen

from evenrack.balance.policy import SpreadPolicy
from evenrack.model.identifiers import RackId

Role = Literal["primary", "secondary"]

DHCP_ROLES = SpreadPolicy(theta=0.50, gap=4)
"""From which difference on roles are swapped."""


@frozen(kw_only=True)
class PairRack:
    """A rack that lives."""

    id: RackId
    domain: str = ""
    """What it fails together with: a room, a feed. Racks without one fail alone."""


@frozen(kw_only=True)
class PairVlan:
    """A VLAN with DHCP: who is on it, who has its roles now."""

    id: str
    attached: tuple[RackId, ...]
    primary: RackId | None = None
    secondary: RackId | None = None
    pinned: frozenset[Role] = field(factory=frozenset)
    """Roles that an operator has given by name: they stay while their rack lives."""


@frozen(kw_only=True)
class Designation:
    """Who is to serve a VLAN; `degraded` says what a pair lacks, if anything."""

    primary: RackId | None
    secondary: RackId | None
    degraded: str | None = None


@frozen(kw_only=True)
class RoleMove:
    """One change of one role of a VLAN, and why."""

    vlan: str
    role: Role
    before: RackId | None
    to: RackId | None
    forced: bool
    reason: str
