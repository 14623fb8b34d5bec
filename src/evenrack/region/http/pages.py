"""The addresses under /api/v1 and what each answers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Site

from evenrack.model.region_endpoints import RegionEndpoints
from evenrack.problems import CATALOGUE
from evenrack.region.database.engine import Database
from evenrack.region.database.event_store import read_events
from evenrack.region.http.access import ANYONE, NOTHING_THERE, WATCH, Access
from evenrack.region.http.audit_pages import audit_pages
from evenrack.region.http.audit_trail import AuditTrail
from evenrack.region.http.authority_pages import authority_pages
from evenrack.region.http.balance_pages import hold_page, step_down_page
from evenrack.region.http.balance_plan_page import PlanBalance, plan_page
from evenrack.region.http.bmc_pages import bmc_pages
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.dhcp_pages import dhcp_pages
from evenrack.region.http.doctor_pages import doctor_pages
from evenrack.region.http.drain_pages import drain_pages
from evenrack.region.http.enrolment_pages import EnrolmentSources, enrolment_pages
from evenrack.region.http.gate import Gate
from evenrack.region.http.guarded_site import GuardedSite
from evenrack.region.http.inventory_pages import inventory_pages
from evenrack.region.http.json_pages import Missing, Query, database_problem
from evenrack.region.http.key_pages import key_pages
from evenrack.region.http.object_pages import not_found
from evenrack.region.http.openapi import openapi_page
from evenrack.region.http.operations import Asked, Declared, DeclaredPage, Operation
from evenrack.region.http.order_pages import order_pages
from evenrack.region.http.rack_pages import rack_pages
from evenrack.region.http.repeating import Repeating
from evenrack.region.http.snippet_pages import snippet_pages
from evenrack.region.http.status_operations import (
    EVENTS,
    EXPLAIN,
    HEALTHY,
    HISTORY,
    PROBLEMS,
    READY,
    REGIONS,
    STATUS,
)
from evenrack.region.http.token_pages import token_pages
from evenrack.region.links.rack_asking import AskLeases, AskServed
from evenrack.region.sealing import Sealer
from evenrack.region.views.fleet_view import View
from evenrack.region.views.status import status_of
from evenrack.runtime.thinking import Think


@frozen(kw_only=True)
class ApiSources:
    """Where the answers come from."""

    look: Callable[[], Awaitable[View]]
    database: Database
    clock: IReactorTime
    wall_clock: Callable[[], datetime]
    """As the database's shows: for times that people read; decides nothing."""
    sealer: Sealer
    """Encrypts passwords on their way to the database."""
    token_bytes: Callable[[int], bytes] = field(repr=False)
    """Makes secrets."""
    endpoints: Callable[[], RegionEndpoints]
    """Where racks may dial, as far as this process knows."""
    plan_balance: PlanBalance
    ask_leases: AskLeases
    ask_served: AskServed
    think: Think
    """Where pages do long, pure work."""


def make_site(sources: ApiSources) -> Site:
    """Make everything that is served over HTTP."""
    door = DatabaseDoor(sources.database, sources.clock)
    answers = _Answers(sources, door)
    api = _api(sources, door, answers)
    root = _folder(
        {
            b"api": _folder({b"v1": api}),
            b"healthz": _page(HEALTHY, answers.healthy, access=ANYONE),
            b"readyz": _page(READY, answers.ready, access=ANYONE),
        }
    )
    api.putChild(b"openapi.json", openapi_page(root))
    gate = Gate(door, sources.clock)
    trail = AuditTrail(door, sources.clock)
    repeating = Repeating(door, sources.sealer.keys)
    return GuardedSite(root, gate, trail, repeating, sources.clock)


def _api(sources: ApiSources, door: DatabaseDoor, answers: "_Answers") -> Resource:
    return _folder(
        {
            b"status": _page(STATUS, answers.status),
            b"problems": _problems(answers),
            b"events": _page(EVENTS, answers.events),
            b"regions": _page(REGIONS, answers.regions),
            b"balance": _balance(sources, door, answers),
            b"leader": _folder({b"step-down": step_down_page(door)}),
            **drain_pages(door),
            **rack_pages(answers.racks, door),
            **inventory_pages(door, sources.think),
            **snippet_pages(door),
            **bmc_pages(door, sources.sealer, sources.think),
            **order_pages(door),
            **dhcp_pages(
                sources.look, door, sources.ask_leases, sources.ask_served, sources.wall_clock
            ),
            **enrolment_pages(
                door,
                EnrolmentSources(
                    sealer=sources.sealer,
                    token_bytes=sources.token_bytes,
                    endpoints=sources.endpoints,
                ),
            ),
            **authority_pages(door, sources.sealer),
            **key_pages(door, sources.sealer),
            **token_pages(door, sources.token_bytes),
            **audit_pages(door),
            **doctor_pages(door),
        }
    )


def _problems(answers: "_Answers") -> Resource:
    return _page(
        PROBLEMS,
        answers.problems,
        each=lambda code: _page(EXPLAIN, _explain(code)),
        each_is="the code of a problem",
    )


def _balance(sources: ApiSources, door: DatabaseDoor, answers: "_Answers") -> Resource:
    return _folder(
        {
            b"history": _page(HISTORY, answers.history),
            b"hold": hold_page(door),
            b"plan": plan_page(sources.look, sources.plan_balance),
        }
    )


class _Answers:
    """One method for each address."""

    def __init__(self, sources: ApiSources, door: DatabaseDoor) -> None:
        self._sources = sources
        self._door = door

    async def status(self, _query: Query, _asked: Asked) -> dict[str, Any]:
        view = await self._sources.look()
        return status_of(view.fleet, database_problem=view.problem, now=self._sources.wall_clock())

    async def problems(self, query: Query, asked: Asked) -> object:
        return (await self.status(query, asked))["problems"]

    async def regions(self, query: Query, asked: Asked) -> object:
        return (await self.status(query, asked))["regions"]

    async def racks(self, query: Query, asked: Asked) -> object:
        return (await self.status(query, asked))["racks"]

    async def events(self, _query: Query, asked: Asked) -> dict[str, Any]:
        after, limit = asked.arguments["after"], asked.arguments["limit"]
        events = await self._door.read(lambda c: read_events(c, after=after, limit=limit))
        return {"events": events, "next": events[-1]["id"] if events else after or 0}

    async def history(self, _query: Query, asked: Asked) -> list[dict[str, Any]]:
        limit = asked.arguments["limit"]
        moves = await self._door.read(
            lambda c: read_events(c, after=None, limit=limit, kind="move")
        )
        return [
            {"at": move["at"], **move["data"], "generation": move["generation"]} for move in moves
        ]

    async def healthy(self, _query: Query, _asked: Asked) -> dict[str, bool]:
        return {"ok": True}

    async def ready(self, _query: Query, _asked: Asked) -> dict[str, bool]:
        view = await self._sources.look()
        if view.problem is not None:
            raise database_problem(view.problem)
        return {"ok": True}


def _page(
    operation: Operation,
    answer: Callable[[Query, Asked], Awaitable[object]],
    *,
    access: Access = WATCH,
    each: Callable[[str], Resource] | None = None,
    each_is: str = "",
) -> DeclaredPage:
    answers = {"GET": Declared(operation=operation, answer=answer)}
    return DeclaredPage(answers, access=access, each=each, each_is=each_is)


def _explain(code: str) -> Callable[[Query, Asked], Awaitable[object]]:
    async def answer(_query: Query, _asked: Asked) -> object:
        problem = CATALOGUE.get(code)
        if problem is None:
            known = ", ".join(sorted(CATALOGUE))
            raise not_found(f"no problem has this code; known are: {known}")
        return {
            "code": problem.code,
            "meaning": problem.meaning,
            "suffers": problem.suffers,
            "do": problem.do,
        }

    return answer


class _Folder(Resource):
    """An address that only leads to others."""

    access = NOTHING_THERE

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002  Twisted asks so
        return Missing()

    def render(self, request: Any) -> int:
        return Missing().render(request)


def _folder(children: dict[bytes, Resource]) -> Resource:
    folder = _Folder()
    for name, child in children.items():
        folder.putChild(name, child)
    return folder
