"""The address of the word that one server of a VLAN is dead for good: its plan, and giving it."""

from collections.abc import Awaitable, Callable
from typing import Any

from evenrack.balance.partner_down import Candidate, candidate_of
from evenrack.errors import OutcomeUnknown
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.model.network import Vlan
from evenrack.region.database.engine import Connection
from evenrack.region.database.partner_down_store import write_partner_down
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import find_rack, outcome_unknown
from evenrack.region.http.operations import (
    Asked,
    Body,
    Declared,
    DeclaredPage,
    Operation,
    needed_text,
)
from evenrack.region.http.shapes import COUNT, TEXT, object_of, rows_of
from evenrack.region.http.wishes import one_line, tell

_PLAN = object_of(
    vlan=TEXT,
    dead=TEXT,
    survivor=or_null(TEXT),
    mclt_seconds=COUNT,
    risk=TEXT,
    hindrances=rows_of(TEXT),
)
_SHOW = Operation(
    summary="Show what it would mean to call one server of a VLAN dead, and what forbids it",
    answer=_PLAN,
    arguments={"dead": needed_text("the name or the id of the rack whose server is dead")},
)
_GIVE = Operation(
    summary="Call one server of a VLAN dead: the other takes over its addresses after mclt",
    body=Body(fields={"dead": one_line}, required=("dead",)),
    answer=_PLAN,
    problems=(409,),
)

Answer = Callable[[Query, Asked], Awaitable[dict[str, Any]]]


FindVlan = Callable[[str], Awaitable[tuple[Fleet, Vlan]]]
"""By name or id, in the fleet as it is now; HttpProblem 404."""


def partner_down_page(find: FindVlan, door: DatabaseDoor, vlan: str) -> DeclaredPage:
    """Make the page below that of a VLAN."""
    answers = _Answers(find, door, vlan)
    return DeclaredPage(
        {
            "GET": Declared(operation=_SHOW, answer=answers.show),
            "POST": Declared(operation=_GIVE, answer=answers.give),
        },
        access=ADMINISTER,
    )


class _Answers:
    """What is answered about one VLAN."""

    def __init__(self, find: FindVlan, door: DatabaseDoor, vlan: str) -> None:
        self._find = find
        self._door = door
        self._vlan = vlan

    async def show(self, _query: Query, asked: Asked) -> dict[str, Any]:
        fleet, vlan = await self._find(self._vlan)
        dead = find_rack(fleet, asked.arguments["dead"])
        return _form(fleet, vlan, dead, candidate_of(fleet, vlan.id, dead))

    async def give(self, query: Query, asked: Asked) -> dict[str, Any]:
        """Write the word down.

        Where things have changed meanwhile the leader takes it back, and the rack refuses it.
        """
        fleet, vlan = await self._find(self._vlan)
        dead = find_rack(fleet, asked.fields["dead"])
        candidate = candidate_of(fleet, vlan.id, dead)
        if candidate.survivor is None or candidate.hindrances:
            raise HttpProblem(
                status=409,
                code="PartnerMayLive",
                title="The server cannot be called dead; nothing was changed",
                detail="; ".join(candidate.hindrances),
                more={"hindrances": list(candidate.hindrances)},
            )
        survivor, who = candidate.survivor, query.asker.who

        def work(connection: Connection) -> dict[str, Any]:
            names = fleet.racks[dead].hostname, fleet.racks[survivor].hostname
            text = f"{who} says that {names[0]} is dead for {vlan.name}: {names[1]} takes over"
            tell(connection, "dhcp", f"vlan:{vlan.name}", text)
            write_partner_down(connection, vlan.id, survivor=survivor, dead=dead, who=who)
            return _form(fleet, vlan, dead, candidate)

        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def _form(fleet: Fleet, vlan: Vlan, dead: RackId, candidate: Candidate) -> dict[str, Any]:
    survivor, name = candidate.survivor, fleet.racks[dead].hostname
    mclt = vlan.settings.mclt
    return {
        "vlan": vlan.name,
        "dead": name,
        "survivor": None if survivor is None else fleet.racks[survivor].hostname,
        "mclt_seconds": mclt,
        "risk": f"if the DHCP server of {name} still runs, two clients may get the same address; "
        f"once it is back it serves nobody for {mclt} s (mclt)",
        "hindrances": list(candidate.hindrances),
    }
