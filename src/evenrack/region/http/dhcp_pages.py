"""The addresses of DHCP: how each VLAN is served, and what a rack is to serve."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from twisted.web.resource import Resource

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.errors import NotTold, OutcomeUnknown
from evenrack.model.fleet import Fleet, Rack
from evenrack.model.json_form import to_json
from evenrack.model.network import Vlan
from evenrack.region.database.dhcp_store import write_hurry
from evenrack.region.database.engine import Connection
from evenrack.region.database.notify import notify
from evenrack.region.http.access import OPERATE, WATCH
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import boolean, or_null
from evenrack.region.http.json_pages import HttpProblem, Query, database_problem
from evenrack.region.http.lease_pages import leases_of
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.partner_down_page import partner_down_page
from evenrack.region.http.pins_page import pins_page
from evenrack.region.http.shapes import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    GENERATION,
    SECONDS,
    TEXT,
    object_of,
    rows_of,
    word_of,
)
from evenrack.region.http.wishes import tell
from evenrack.region.links.rack_asking import AskLeases, AskServed
from evenrack.region.views.dhcp_status import dhcp_status_of
from evenrack.region.views.fleet_view import View

_FOREIGN = object_of(address=TEXT, mac=or_null(TEXT), since=TEXT, heard=TEXT)
_EVIDENCE = object_of(what=TEXT, by=or_null(TEXT), says=TEXT, age=or_null(SECONDS))

_IPV6 = object_of(
    half=word_of("whole", "lower", "upper", "none"),
    held=BOOLEAN,
    free=or_null(COUNT),
    total=or_null(COUNT),
    running=BOOLEAN,
    applied=or_null(GENERATION),
    error=or_null(TEXT),
)

_SIDE = object_of(
    rack=TEXT,
    address=TEXT,
    connected=BOOLEAN,
    role=or_null(TEXT),
    state=TEXT,
    since=or_null(TEXT),
    age=or_null(SECONDS),
    free=or_null(COUNT),
    backup=or_null(COUNT),
    total=or_null(COUNT),
    applied=or_null(GENERATION),
    waiting=BOOLEAN,
    error=or_null(TEXT),
    foreign=rows_of(_FOREIGN),
    not_listening=or_null(TEXT),
    evidence=rows_of(_EVIDENCE),
    ipv6=or_null(_IPV6),
)

_PARTNER_DOWN = object_of(
    survivor=TEXT,
    dead=TEXT,
    who=TEXT,
    at=TEXT,
    taken_at=or_null(TEXT),
    usable_at=or_null(TEXT),
    refused=or_null(TEXT),
)

_VLAN = object_of(
    vlan=TEXT,
    dhcp_on=BOOLEAN,
    relay_vlan=or_null(TEXT),
    primary_rack=or_null(TEXT),
    secondary_rack=or_null(TEXT),
    pinned=rows_of(word_of("primary", "secondary")),
    pending=BOOLEAN,
    partner_down=or_null(_PARTNER_DOWN),
    generation=GENERATION,
    ipv6_left=or_null(object_of(free=COUNT, total=COUNT)),
    sides=rows_of(_SIDE),
)

_PLAN = object_of(rack=TEXT, id=TEXT, generation=or_null(GENERATION), dhcp=rows_of(ANYTHING))

_LIST = Operation(summary="Show how each VLAN is served", answer=rows_of(_VLAN))
_SHOW = Operation(summary="Show how a VLAN is served", answer=_VLAN)
_RECONFIGURE = Operation(
    summary="Let the leader look at a VLAN at once, as it does by itself anyway; with `now` its "
    "change does not wait for a rack that is away",
    body=Body(fields={"now": boolean}),
    answer=_VLAN,
)
_LIST_PLANS = Operation(summary="Show what each rack is to serve", answer=rows_of(_PLAN))
_SHOW_PLAN = Operation(summary="Show what a rack is to serve", answer=_PLAN)
_SHOW_SERVED = Operation(
    summary="Show what a rack serves now, as it says itself when it is asked for this",
    answer=object_of(rack=TEXT, id=TEXT, dhcp=rows_of(ANYTHING)),
    problems=(503,),
)


def dhcp_pages(
    look: Callable[[], Awaitable[View]],
    door: DatabaseDoor,
    ask_leases: AskLeases,
    ask_served: AskServed,
    wall_clock: Callable[[], datetime],
) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(look, door, ask_leases, ask_served, wall_clock)

    def plan_page(rack: str) -> DeclaredPage:
        one = Declared(operation=_SHOW_PLAN, answer=answers.plan_of(rack))
        served = Declared(operation=_SHOW_SERVED, answer=answers.served_by(rack))
        return DeclaredPage(
            {"GET": one},
            access=WATCH,
            below={b"served": DeclaredPage({"GET": served}, access=WATCH)},
        )

    return {
        b"dhcp": DeclaredPage(
            {"GET": Declared(operation=_LIST, answer=answers.list_all)},
            access=WATCH,
            each=answers.vlan_page,
            each_is="the name or the id of a vlan",
        ),
        b"dhcp-plans": DeclaredPage(
            {"GET": Declared(operation=_LIST_PLANS, answer=answers.list_plans)},
            access=WATCH,
            each=plan_page,
            each_is="the name or the id of a rack",
        ),
    }


class _Answers:
    """What is answered about DHCP."""

    def __init__(
        self,
        look: Callable[[], Awaitable[View]],
        door: DatabaseDoor,
        ask_leases: AskLeases,
        ask_served: AskServed,
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._look = look
        self._door = door
        self._ask_leases = ask_leases
        self._ask_served = ask_served
        self._now = wall_clock

    async def list_all(self, _query: Query, _asked: Asked) -> list[dict[str, Any]]:
        return dhcp_status_of(await self._fleet(), self._now())

    def vlan_page(self, vlan: str) -> Resource:
        """Make the page of one VLAN, with what can be asked for below it."""
        reconfigure = DeclaredPage(
            {"POST": Declared(operation=_RECONFIGURE, answer=self.reconfigure(vlan))},
            access=OPERATE,
        )
        leases = DeclaredPage({"GET": leases_of(vlan, self._find, self._ask_leases)}, access=WATCH)
        return DeclaredPage(
            {"GET": Declared(operation=_SHOW, answer=self.status_of(vlan))},
            access=WATCH,
            below={
                b"reconfigure": reconfigure,
                b"partner-down": partner_down_page(self._find, self._door, vlan),
                b"pins": pins_page(self._find, self._door, vlan),
                b"leases": leases,
            },
        )

    def status_of(self, vlan: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        async def answer(_query: Query, _asked: Asked) -> dict[str, Any]:
            return self._row(*await self._find(vlan))

        return answer

    def _row(self, fleet: Fleet, vlan: Vlan) -> dict[str, Any]:
        rows = zip(dhcp_status_of(fleet, self._now()), fleet.vlans.values(), strict=True)
        return next(row for row, known in rows if known.id == vlan.id)

    def reconfigure(self, vlan: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        """Let the leader look at once; it does so anyway, so there is hardly ever more to do."""

        async def answer(query: Query, asked: Asked) -> dict[str, Any]:
            fleet, found = await self._find(vlan)
            row = self._row(fleet, found)  # before the change: nothing else is read under its locks
            who, now = query.asker.who, asked.fields.get("now", False)

            def work(connection: Connection) -> dict[str, Any]:
                if now:
                    text = f"{who} lets the change of {found.name} wait for no rack that is away"
                    tell(connection, "dhcp", f"vlan:{found.name}", text)
                    write_hurry(connection, fleet.served_in(found.id))
                else:
                    notify(connection, "wishes")
                return row

            try:
                return await self._door.change(work, query.asked)
            except OutcomeUnknown as problem:
                raise outcome_unknown(problem) from None

        return answer

    async def list_plans(self, _query: Query, _asked: Asked) -> list[dict[str, Any]]:
        fleet = await self._fleet()
        return [_plan(fleet, rack) for rack in fleet.racks]

    def plan_of(self, rack: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        async def answer(_query: Query, _asked: Asked) -> dict[str, Any]:
            fleet, known = await self._find_rack(rack)
            return _plan(fleet, known.id)

        return answer

    def served_by(self, rack: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        async def answer(_query: Query, _asked: Asked) -> dict[str, Any]:
            _, known = await self._find_rack(rack)
            try:
                served = await self._ask_served(known.id)
            except NotTold as problem:
                raise _not_told(known, problem) from None
            return {"rack": known.hostname, "id": known.id, "dhcp": to_json(served)}

        return answer

    async def _find_rack(self, rack: str) -> tuple[Fleet, Rack]:
        fleet = await self._fleet()
        for known in fleet.racks.values():
            if rack in {known.id, known.hostname}:
                return fleet, known
        names = ", ".join(known.hostname for known in fleet.racks.values()) or "none yet"
        raise not_found(f'no rack is called "{rack}"; there are: {names}')

    async def _find(self, vlan: str) -> tuple[Fleet, Vlan]:
        """Find a VLAN by its name or, if none has it, by its id."""
        fleet = await self._fleet()
        number = next((str(v.id) for v in fleet.vlans.values() if v.name == vlan), vlan)
        for known in fleet.vlans.values():
            if str(known.id) == number:
                return fleet, known
        names = ", ".join(known.name for known in fleet.vlans.values()) or "none yet"
        raise not_found(f'no VLAN is called "{vlan}"; there are: {names}')

    async def _fleet(self) -> Fleet:
        view = await self._look()
        if view.problem is not None:
            raise database_problem(view.problem)
        return view.fleet


def _not_told(rack: Rack, problem: NotTold) -> HttpProblem:
    return HttpProblem(
        status=503,
        code="RackSilent",
        title="The rack did not tell what it serves",
        detail=f"{rack.hostname}: {problem}; `evenrack rack list` shows whether it is connected",
    )


def _plan(fleet: Fleet, rack: Any) -> dict[str, Any]:
    managing = fleet.managing.get(rack)
    return {
        "rack": fleet.racks[rack].hostname,
        "id": rack,
        "generation": None if managing is None else str(managing.number),
        "dhcp": to_json(dhcp_plan_for(fleet, rack)),
    }
