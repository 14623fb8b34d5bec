"""What one rack must do: the whole of it, with the number that says how new it is."""

import hashlib
import json
from typing import Any

from attrs import frozen

from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.json_form import from_json, to_json
from evenrack.model.power import BmcTarget


@frozen(kw_only=True)
class RackPlan:
    """The newest orders for one rack; applied whole or not at all."""

    rack: RackId
    number: FleetNumber
    managed_by: ProcessId
    dhcp: DhcpPlan = ()
    """What it serves, VLAN by VLAN."""
    bmcs: tuple[BmcTarget, ...] = ()
    """The BMCs that it is to try to reach."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan's form on the wire, in hexadecimal: equal plans, equal text."""
        return hashlib.sha256(
            json.dumps(rack_plan_to_json(self), sort_keys=True).encode()
        ).hexdigest()


def rack_plan_to_json(plan: RackPlan) -> Any:
    """Give the plan's form on the wire and on the rack's disk."""
    return to_json(plan)


def rack_plan_from_json(form: Any) -> RackPlan:
    """Read a plan; ValueError when the form is not one."""
    return from_json(form, RackPlan)
