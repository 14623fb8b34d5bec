"""What one rack must do: the whole of it, with the number that says how new it is."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from attrs import evolve, frozen

from evenrack.model.dhcp_plan import DhcpPlan, dhcp_plan_as_json, sha256_of
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.json_form import from_json, to_json
from evenrack.model.json_text import json_pieces
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

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the plan's form as JSON, in hexadecimal: equal plans, equal text."""
        return sha256_of(self.as_json())

    def as_json(self) -> Iterator[str]:
        """Write the plan's form as JSON with sorted keys, piece by piece."""
        form = rack_plan_to_json(evolve(self, dhcp=()))
        before = "{"
        for key in sorted(form):
            yield f'{before}"{key}": '
            yield from dhcp_plan_as_json(self.dhcp) if key == "dhcp" else json_pieces(form[key])
            before = ", "
        yield "}"


def rack_plan_to_json(plan: RackPlan) -> Any:
    """Give the plan's form on the wire and on the rack's disk."""
    return to_json(plan)


def rack_plan_from_json(form: Any) -> RackPlan:
    """Read a plan; ValueError when the form is not one."""
    return from_json(form, RackPlan)
