"""The address of the replacement of a rack by another: its plan, how far it is, and beginning it.

It ends as a drain does, which it is: by resuming or deleting the old rack.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from evenrack.balance.draining import Burden
from evenrack.balance.rack_replacing import Place, RackReplacement
from evenrack.errors import OutcomeUnknown
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId
from evenrack.model.intents import Drain
from evenrack.region.database.balance_store import write_drain, write_succession
from evenrack.region.database.engine import Connection
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.pin_store import write_pins
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.drain_pages import DRAINED, drained_form
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import (
    bad_request,
    changed_meanwhile,
    find_rack,
    outcome_unknown,
)
from evenrack.region.http.operations import (
    Asked,
    Body,
    Declared,
    DeclaredPage,
    Operation,
    any_text,
)
from evenrack.region.http.shapes import GENERATION, TEXT, object_of, rows_of, word_of
from evenrack.region.http.wishes import one_line, span, span_seconds, tell, wish_of

_BURDEN = object_of(object=TEXT, why=TEXT)
_SHOWN = object_of(
    old=TEXT,
    new=TEXT,
    drained=or_null(DRAINED),
    vlans=rows_of(
        object_of(
            vlan=TEXT,
            role=word_of("primary", "secondary"),
            partner=or_null(TEXT),
            state=word_of("moves", "waits", "done"),
            why=TEXT,
        )
    ),
    to_move=rows_of(_BURDEN),
    hindrances=rows_of(_BURDEN),
    generation=GENERATION,
)
_SHOW = Operation(
    summary="Show which places a rack would take from another, or how far it has come",
    answer=_SHOWN,
    arguments={"by": any_text("the name or the id of the new rack; not given: the one that began")},
    problems=(400,),
)
_BEGIN = Operation(
    summary="Replace a rack: it drains, and another takes its places in DHCP",
    body=Body(
        fields={"by": one_line, "message": one_line, "deadline_seconds": span_seconds},
        required=("by",),
    ),
    is_conditional=True,
    answer=_SHOWN,
    problems=(409,),
)

Answer = Callable[[Query, Asked], Awaitable[dict[str, Any]]]


def replacement_page(door: DatabaseDoor, rack: str) -> DeclaredPage:
    """Make the page of one rack that is replaced, by its name or its id."""
    answers = _Answers(door, rack)
    return DeclaredPage(
        {
            "GET": Declared(operation=_SHOW, answer=answers.show),
            "POST": Declared(operation=_BEGIN, answer=answers.begin),
        },
        access=OPERATE,
    )


class _Answers:
    """What is answered about the replacement of one rack."""

    def __init__(self, door: DatabaseDoor, rack: str) -> None:
        self._door = door
        self._rack = rack

    async def show(self, _query: Query, asked: Asked) -> dict[str, Any]:
        fleet = await self._door.read(read_fleet)
        old = find_rack(fleet, self._rack)
        new = _new_of(fleet, old, asked.arguments["by"])
        return _form(RackReplacement(fleet=fleet, old=old, new=new), fleet.leadership.number)

    async def begin(self, query: Query, asked: Asked) -> dict[str, Any]:
        """Write down that the old rack drains, and who takes its places; the leader follows."""
        try:
            return await self._door.change(lambda c: self._begin(c, query, asked), query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None

    def _begin(self, connection: Connection, query: Query, asked: Asked) -> dict[str, Any]:
        fleet = read_fleet(connection)
        old = find_rack(fleet, self._rack)
        new = _new_of(fleet, old, asked.fields["by"])
        wish = wish_of(query.asker.who, asked.fields, "message", "deadline_seconds")
        names = [fleet.racks[rack].hostname for rack in (old, new)]
        because = f": {wish.message}" if wish.message else ""
        text = f"{wish.who} replaces {names[0]} by {names[1]}{span(wish.seconds)}{because}"
        number = tell(connection, "drain", f"rack:{old}", text)
        fleet = read_fleet(connection)  # as it is while nobody else decides
        replacement = RackReplacement(fleet=fleet, old=old, new=new)
        before = FleetNumber(number.era, number.generation - 1)
        _refuse(replacement, asked.seen, before)
        for vlan, pins in replacement.pins().items():
            write_pins(connection, vlan, pins)
        write_drain(connection, "rack", old, wish)
        write_succession(connection, old, replacement.succession())
        begun = RackReplacement(fleet=read_fleet(connection), old=old, new=new)
        return _form(begun, number)


def _new_of(fleet: Fleet, old: RackId, name: str | None) -> RackId:
    """Find who takes the places; HttpProblem 400, 404."""
    if name is not None:
        new = find_rack(fleet, name)
        if new == old:
            raise bad_request("a rack does not replace itself: name another one")
        return new
    drain = _drain_of(fleet, old)
    if drain is None or drain.succession is None or drain.succession.rack not in fleet.racks:
        raise bad_request(f"{fleet.racks[old].hostname} is not replaced: say by which rack (by=)")
    return drain.succession.rack


def _drain_of(fleet: Fleet, rack: RackId) -> Drain | None:
    return next((d for d in fleet.drains if (d.kind, d.id) == ("rack", rack)), None)


def _refuse(replacement: RackReplacement, seen: FleetNumber | None, now: FleetNumber) -> None:
    if seen is not None and seen != now:
        raise changed_meanwhile(
            f"the fleet is at {now} by now, not at {seen}; look at the plan again",
            _form(replacement, now),
            now,
        )
    found = replacement.hindrances()
    if found:
        name = replacement.fleet.racks[replacement.new].hostname
        told = found[0].why if len(found) == 1 else f"{len(found)} reasons, see errors"
        raise HttpProblem(
            status=409,
            code="CannotReplace",
            title="The rack cannot take the other's places; nothing was changed",
            detail=f"{name} replaces nothing: {told}",
            more={"errors": [{"field": each.object, "detail": each.why} for each in found]},
        )


def _form(replacement: RackReplacement, number: FleetNumber) -> dict[str, Any]:
    fleet = replacement.fleet
    drain = _drain_of(fleet, replacement.old)
    return {
        "old": fleet.racks[replacement.old].hostname,
        "new": fleet.racks[replacement.new].hostname,
        "drained": None if drain is None else drained_form(drain),
        "vlans": [_place(fleet, place) for place in replacement.places()],
        "to_move": [_burden(each) for each in replacement.bmcs_to_move()],
        "hindrances": [_burden(each) for each in replacement.hindrances()],
        "generation": str(number),
    }


def _place(fleet: Fleet, place: Place) -> dict[str, Any]:
    partner = None if place.partner is None else fleet.racks.get(place.partner)
    return {
        "vlan": fleet.vlans[place.vlan].name,
        "role": place.role,
        "partner": place.partner if partner is None else partner.hostname,
        "state": place.state,
        "why": place.why,
    }


def _burden(burden: Burden) -> dict[str, str]:
    return {"object": burden.object, "why": burden.why}
