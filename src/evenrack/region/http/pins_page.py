"""The address of the racks that an operator names for the roles of a VLAN."""

from collections.abc import Awaitable, Callable
from typing import Any

from evenrack.errors import OutcomeUnknown
from evenrack.model.dhcp_roles import Pins
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.model.network import Vlan
from evenrack.region.database.engine import Connection
from evenrack.region.database.pin_store import write_pins
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import nullable, or_null
from evenrack.region.http.json_pages import Query
from evenrack.region.http.object_pages import bad_request, find_rack, outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import TEXT, object_of
from evenrack.region.http.wishes import one_line, tell

_PINS = object_of(vlan=TEXT, primary_rack=or_null(TEXT), secondary_rack=or_null(TEXT))
_SHOW = Operation(summary="Show the racks that were named for a VLAN", answer=_PINS)
_NAME = Operation(
    summary="Name racks for the roles of a VLAN: each has its role whenever it can. What is not "
    "given stays; null: no rack is named any more",
    body=Body(fields={"primary_rack": nullable(one_line), "secondary_rack": nullable(one_line)}),
    answer=_PINS,
)

FindVlan = Callable[[str], Awaitable[tuple[Fleet, Vlan]]]
"""By name or id, in the fleet as it is now; HttpProblem 404."""


def pins_page(find: FindVlan, door: DatabaseDoor, vlan: str) -> DeclaredPage:
    """Make the page below that of a VLAN."""
    answers = _Answers(find, door, vlan)
    return DeclaredPage(
        {
            "GET": Declared(operation=_SHOW, answer=answers.show),
            "POST": Declared(operation=_NAME, answer=answers.name),
        },
        access=OPERATE,
    )


class _Answers:
    """What is answered about one VLAN."""

    def __init__(self, find: FindVlan, door: DatabaseDoor, vlan: str) -> None:
        self._find = find
        self._door = door
        self._vlan = vlan

    async def show(self, _query: Query, _asked: Asked) -> dict[str, Any]:
        fleet, vlan = await self._find(self._vlan)
        return _form(fleet, vlan, fleet.pins.get(vlan.id, Pins()))

    async def name(self, query: Query, asked: Asked) -> dict[str, Any]:
        """Write the names down; the leader follows them."""
        fleet, vlan = await self._find(self._vlan)
        if vlan.relay_vlan is not None:
            by = fleet.vlans[vlan.relay_vlan].name
            raise bad_request(f"{vlan.name} is served by the racks of {by}: name them for {by}")
        before = fleet.pins.get(vlan.id, Pins())
        pins = Pins(
            primary=_named(fleet, asked.fields, "primary_rack", before.primary),
            secondary=_named(fleet, asked.fields, "secondary_rack", before.secondary),
        )
        form, who = _form(fleet, vlan, pins), query.asker.who
        if pins.primary is not None and pins.primary == pins.secondary:
            raise bad_request(
                f"{form['primary_rack']} cannot be both: name another rack, or null, for one role"
            )

        def work(connection: Connection) -> dict[str, Any]:
            named = ", ".join(
                f"{role} {form[f'{role}_rack'] or 'any'}" for role in ("primary", "secondary")
            )
            tell(connection, "dhcp", f"vlan:{vlan.name}", f"{who} names racks: {named}")
            write_pins(connection, vlan.id, pins)
            return form

        if pins == before:
            return form
        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def _named(
    fleet: Fleet, fields: dict[str, Any], field: str, before: RackId | None
) -> RackId | None:
    if field not in fields:
        return before
    return None if fields[field] is None else find_rack(fleet, fields[field])


def _form(fleet: Fleet, vlan: Vlan, pins: Pins) -> dict[str, Any]:
    def name(rack: RackId | None) -> str | None:
        known = None if rack is None else fleet.racks.get(rack)
        return rack if known is None else known.hostname

    return {
        "vlan": vlan.name,
        "primary_rack": name(pins.primary),
        "secondary_rack": name(pins.secondary),
    }
