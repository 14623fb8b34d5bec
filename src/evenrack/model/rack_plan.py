"""What one rack must do: the whole of it, with the number that says how new it is."""

import hashlib
import json
from typing import Any

from attrs import frozen

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId


@frozen(kw_only=True)
class RackPlan:
    """The newest orders for one rack; applied whole or not at all."""

    rack: RackId
    number: FleetNumber
    managed_by: ProcessId

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan's form on the wire, in hexadecimal: equal plans, equal text."""
        return hashlib.sha256(
            json.dumps(rack_plan_to_json(self), sort_keys=True).encode()
        ).hexdigest()


def rack_plan_to_json(plan: RackPlan) -> dict[str, Any]:
    """Give the plan's form on the wire and on the rack's disk."""
    return {"rack": plan.rack, "generation": str(plan.number), "managed_by": plan.managed_by}


def rack_plan_from_json(form: Any) -> RackPlan:
    """Read a plan; ValueError when the form is not one."""
    if not isinstance(form, dict):
        raise ValueError("a plan is an object")  # noqa: TRY004  one error type for every bad form
    expected = {"rack", "generation", "managed_by"}
    if set(form) != expected or not all(isinstance(value, str) for value in form.values()):
        raise ValueError(f"a plan has exactly the texts {', '.join(sorted(expected))}")
    return RackPlan(
        rack=RackId(form["rack"]),
        number=FleetNumber.from_text(form["generation"]),
        managed_by=ProcessId(form["managed_by"]),
    )
