"""What one rack serves on each VLAN, and with whom: part of its plan."""

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from ipaddress import IPv4Address
from typing import Any, Literal

from attrs import evolve, field, frozen

from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.json_form import LATER, from_json, to_json
from evenrack.model.network import Vlan
from evenrack.model.network6 import Half
from evenrack.model.snippet import Snippet

SHARED = VlanId(0)
"""No VLAN has this id: under it a plan carries what stands once, before all VLANs."""

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
    half: Half = field(default="whole", metadata=LATER)
    """What of each IPv6 range the rack gives away; `whole` also where there is none."""
    half_held: bool = field(default=False, metadata=LATER)
    """Another rack gave that half away before: its leases have to end first."""

    @property
    def is_shared(self) -> bool:
        """Tell whether this is no VLAN, but what stands before all of them."""
        return self.vlan.id == SHARED

    @property
    def peer_name(self) -> str:
        """The name of the failover relation: never changes, not even when the roles do."""
        return f"failover-vlan-{self.vlan.id}"

    @cached_property
    def _frame(self) -> str:
        """Its form as JSON, with null for the VLAN."""
        form = to_json(evolve(self, vlan=Vlan(id=self.vlan.id, name="")))
        return json.dumps({**form, "vlan": None}, sort_keys=True)

    @property
    def as_json(self) -> str:
        """Its form as JSON with sorted keys; that of its VLAN is made once (`Vlan.as_json`)."""
        return self._frame.replace('"vlan": null', f'"vlan": {self.vlan.as_json}', 1)

    def same_relation(self, other: "VlanService") -> bool:
        """Tell whether failover goes on as it was: the same peer, addresses and role."""
        relation = (self.vlan.id, self.peer, self.address, self.role)
        return relation == (other.vlan.id, other.peer, other.address, other.role)


DhcpPlan = tuple[VlanService, ...]
"""Everything one rack serves, in the order of the VLANs' ids.

Global snippets are the first of it, as if they were a VLAN: so they are checked, refused and kept
as they were by themselves, and travel by themselves.
"""


def shared_part(snippets: tuple[Snippet, ...]) -> VlanService:
    """Give what stands before all VLANs; it is equal on all racks."""
    return VlanService(
        vlan=Vlan(id=SHARED, name="global snippets", snippets=snippets),
        number=BEFORE_ALL,
        role="alone",
        address=IPv4Address(0),
    )


def serving(plan: DhcpPlan) -> DhcpPlan:
    """Give a plan as it is; nothing where no VLAN is in it: dhcpd cannot run for that."""
    return plan if any(vlans_of(plan)) else ()


def vlans_of(plan: DhcpPlan) -> Iterator[VlanService]:
    """Give the VLANs of a plan, without what stands before them."""
    return (service for service in plan if not service.is_shared)


def dhcp_fingerprint(plan: DhcpPlan) -> str:
    """Name this plan: equal plans, equal names (64 hexadecimal digits); empty for nothing."""
    if not plan:
        return ""
    return sha256_of(dhcp_plan_as_json(plan))


def dhcp_plan_as_json(plan: DhcpPlan) -> Iterator[str]:
    """Write a plan as JSON with sorted keys, piece by piece."""
    before = "["
    for service in plan:
        yield before
        yield service.as_json
        before = ", "
    yield "]" if plan else "[]"


def sha256_of(pieces: Iterator[str]) -> str:
    """Give the SHA-256 of a text in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.encode())
    return digest.hexdigest()


def dhcp_plan_from_json(form: Any) -> DhcpPlan:
    """Read a plan; ValueError when the form is not one."""
    if not isinstance(form, list):
        raise ValueError("a DHCP plan is a list")  # noqa: TRY004  one error type for every form
    return tuple(from_json(each, VlanService) for each in form)
