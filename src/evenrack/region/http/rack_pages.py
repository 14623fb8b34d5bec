"""The addresses of racks: all of them; below each its interfaces, and what its end means."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from attrs import frozen
from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.engine import Connection
from evenrack.region.database.event_store import Event
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.order_store import read_unfinished
from evenrack.region.database.rack_names import NoSuchRack, find_rack
from evenrack.region.database.rack_store import Deletion, FleetMoved, delete_rack
from evenrack.region.database.trust_store import count_certificates
from evenrack.region.http.access import ADMINISTER, WATCH
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.interface_page import interface_page
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import changed_meanwhile, not_found, outcome_unknown
from evenrack.region.http.operations import Asked, Declared, DeclaredPage, Operation, yes_or_no
from evenrack.region.http.replacement_page import replacement_page
from evenrack.region.http.shapes import (
    BOOLEAN,
    COUNT,
    GENERATION,
    TEXT,
    object_of,
    rows_of,
    word_of,
)
from evenrack.region.http.status_operations import RACKS
from evenrack.region.leading.rack_removal import Hindrance, Removal, removal_of

ATTEMPTS = 5
"""The leader may decide something between the look and the change."""

MOST_NAMED = 20


@frozen(kw_only=True)
class _Planned:
    """What is known of a rack that may go."""

    fleet: Fleet
    removal: Removal
    certificates: int

    def form(self, number: FleetNumber) -> dict[str, Any]:
        """Give it as it is shown."""
        fleet, removal = self.fleet, self.removal
        return {
            "rack": removal.rack,
            "hostname": fleet.racks[removal.rack].hostname,
            "connected": fleet.is_connected(removal.rack),
            "managed_by": fleet.manager_of(removal.rack),
            "bmcs": [fleet.bmcs[bmc].name for bmc in removal.owned],
            "vlans": list(self._roles()),
            "certificates": self.certificates,
            "hindrances": [_form(each) for each in removal.hindrances],
            "generation": str(number),
        }

    def _roles(self) -> list[dict[str, Any]]:
        fleet, rack = self.fleet, self.removal.rack
        found = []
        for vlan, after in self.removal.pairs.items():
            racks = () if after is None else after.racks
            before = fleet.pairs[vlan]
            found.append(
                {
                    "vlan": fleet.vlans[vlan].name,
                    "role": "primary" if before.primary == rack else "secondary",
                    "then": [fleet.racks[each].hostname for each in racks],
                }
            )
        return found


def rack_pages(
    list_all: Callable[[Query, Asked], Awaitable[object]], door: DatabaseDoor
) -> dict[bytes, Resource]:
    """Make the pages under /api/v1; `list_all` answers for the list."""
    answers = _Answers(door)

    def page_of(rack: str) -> DeclaredPage:
        removal = Declared(operation=_PLAN, answer=answers.plan(rack))
        return DeclaredPage(
            {"DELETE": Declared(operation=_DELETE, answer=answers.delete(rack))},
            access=ADMINISTER,
            below={
                b"removal": DeclaredPage({"GET": removal}, access=WATCH),
                b"interfaces": interface_page(door, rack),
                b"replacement": replacement_page(door, rack),
            },
        )

    return {
        b"racks": DeclaredPage(
            {"GET": Declared(operation=RACKS, answer=list_all)},
            access=WATCH,
            each=page_of,
            each_is="the name or the id of a rack",
        )
    }


class _Answers:
    """What is answered about the deletion of racks."""

    def __init__(self, door: DatabaseDoor) -> None:
        self._door = door

    def plan(self, name: str) -> Callable[[Query, Asked], Awaitable[object]]:
        async def answer(_query: Query, _asked: Asked) -> object:
            planned = await self._door.read(lambda c: _planned(c, name))
            return planned.form(planned.removal.seen)

        return answer

    def delete(self, name: str) -> Callable[[Query, Asked], Awaitable[object]]:
        async def answer(query: Query, asked: Asked) -> object:
            for _ in range(ATTEMPTS):
                with suppress(FleetMoved):
                    return await self._delete_once(name, query, asked)
            raise _busy(name)

        return answer

    async def _delete_once(self, name: str, query: Query, asked: Asked) -> dict[str, Any]:
        """Delete it as the fleet is read now; FleetMoved when it is another at the end."""
        gone = asked.arguments["gone"]
        planned = await self._door.read(lambda c: _planned(c, name))
        _refuse(planned, gone=gone, seen=asked.seen)
        deletion = _deletion(planned, who=query.asker.who, gone=gone)

        def work(connection: Connection) -> dict[str, Any]:
            done = delete_rack(connection, deletion)
            return {**planned.form(done.number), "certificates": done.certificates}

        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def _planned(connection: Connection, name: str) -> _Planned:
    if "\0" in name:  # no text of PostgreSQL's
        raise not_found("no rack is called so; `evenrack rack list` shows them")
    try:
        rack = find_rack(connection, name)
    except NoSuchRack as problem:
        raise not_found(str(problem)) from None
    fleet = read_fleet(connection)
    return _Planned(
        fleet=fleet,
        removal=removal_of(fleet, rack, read_unfinished(connection)),
        certificates=count_certificates(connection, rack),
    )


def _refuse(planned: _Planned, *, gone: bool, seen: FleetNumber | None) -> None:
    removal = planned.removal
    if seen is not None and seen != removal.seen:
        raise changed_meanwhile(
            f"the fleet is at {removal.seen} by now, not at {seen}; look at the plan again",
            planned.form(removal.seen),
            removal.seen,
        )
    hindered = removal.hindered(gone=gone)
    if hindered:
        sentences = [each.why for each in hindered]
        more = len(sentences) - MOST_NAMED
        told = [*sentences[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
        raise HttpProblem(
            status=409,
            code="RackNeeded",
            title="The rack cannot be deleted now; nothing was changed",
            detail="; ".join(told),
            more={"hindrances": [_form(each) for each in hindered]},
        )


def _deletion(planned: _Planned, *, who: str, gone: bool) -> Deletion:
    removal = planned.removal
    name = planned.fleet.racks[removal.rack].hostname
    word = ", and says that it is dead" if gone else ""
    return Deletion(
        rack=removal.rack,
        seen=removal.seen,
        pairs=removal.pairs,
        services=removal.services,
        event=Event(
            kind="inventory",
            object=f"rack:{removal.rack}",
            text=f"{who} deleted rack {name} ({removal.rack}){word}",
            data={"deed": "deleted", "noun": "rack", "id": removal.rack, "gone": gone},
        ),
    )


def _form(hindrance: Hindrance) -> dict[str, Any]:
    return {
        "object": hindrance.object,
        "why": hindrance.why,
        "gone_helps": hindrance.gone_helps,
    }


def _busy(name: str) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="NotNow",
        title="Something else is decided again and again; nothing was changed",
        detail=f"rack {name} is not deleted: the fleet goes on moving; try again in a moment",
    )


_SHOWN = object_of(
    rack=TEXT,
    hostname=TEXT,
    connected=BOOLEAN,
    managed_by=or_null(TEXT),
    bmcs=rows_of(TEXT),
    vlans=rows_of(
        object_of(vlan=TEXT, role=word_of("primary", "secondary"), then=rows_of(TEXT)),
    ),
    certificates=COUNT,
    hindrances=rows_of(object_of(object=TEXT, why=TEXT, gone_helps=BOOLEAN)),
    generation=GENERATION,
)

_PLAN = Operation(summary="Show what the deletion of a rack would change", answer=_SHOWN)

_DELETE = Operation(
    summary="Delete a rack: it is cut off, and others do what it did; the answer shows that",
    arguments={"gone": yes_or_no("whoever asks gives their word that the rack is dead")},
    is_conditional=True,
    answer=_SHOWN,
    problems=(409,),
)
