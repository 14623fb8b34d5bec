"""What one rack serves on each VLAN, and with whom: part of its plan."""

import hashlib
import json
from ipaddress import IPv4Address
from typing import Any, Literal

from attrs import frozen

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId
from evenrack.model.json_form import from_json, to_json
from evenrack.model.network import Vlan

Role = Literal["primary", "secondary", "alone"]


@frozen(kw_only=True)
class Peer:
    """The other rack of a failover pair."""

    rack: RackId
    address: IPv4Address
    """Its address on the VLAN, never its management address."""


@frozen(kw_only=True)
class VlanService:
    """What one rack serves on one VLAN."""

    vlan: Vlan
    number: FleetNumber
    """The fleet's number when the VLAN's content or its servers last changed: equal on both."""
    role: Role
    address: IPv4Address
    """The rack's own address on the VLAN."""
    peer: Peer | None = None
    """None exactly when the role is `alone`."""

    @property
    def peer_name(self) -> str:
        """The name of the failover relation: never changes, not even when the roles do."""
        return f"failover-vlan-{self.vlan.id}"

    def same_relation(self, other: "VlanService") -> bool:
        """Tell whether failover goes on as it was: the same peer, addresses and role."""
        relation = (self.vlan.id, self.peer, self.address, self.role)
        return relation == (other.vlan.id, other.peer, other.address, other.role)


DhcpPlan = tuple[VlanService, ...]
"""Everything one rack serves, in the order of the VLANs' ids."""


def dhcp_fingerprint(plan: DhcpPlan) -> str:
    """Name this plan: equal plans, equal names (64 hexadecimal digits); empty for nothing."""
    if not plan:
        return ""
    return hashlib.sha256(json.dumps(to_json(plan), sort_keys=True).encode()).hexdigest()


def dhcp_plan_from_json(form: Any) -> DhcpPlan:
    """Read a plan; ValueError when the form is not one."""
    if not isinstance(form, list):
        raise ValueError("a DHCP plan is a list")  # noqa: TRY004  one error type for every form
    return tuple(from_json(each, VlanService) for each in form)
