"""The addresses of DHCP: how each VLAN is served, and what a rack is to serve."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.web.resource import Resource

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.fleet import Fleet
from evenrack.model.json_form import to_json
from evenrack.region.database.notify import notify
from evenrack.region.dhcp_status import dhcp_status_of
from evenrack.region.fleet_view import View
from evenrack.region.http.access import OPERATE, WATCH
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import (
    HttpProblem,
    JsonPage,
    Query,
    database_problem,
)


def dhcp_pages(look: Callable[[], Awaitable[View]], door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(look, door)
    return {
        b"dhcp": JsonPage(answers.list_all, access=WATCH, each=answers.vlan_page),
        b"dhcp-plans": JsonPage(
            answers.list_plans,
            access=WATCH,
            each=lambda rack: JsonPage(answers.plan_of(rack), access=WATCH),
        ),
    }


class _Answers:
    """What is answered about DHCP."""

    def __init__(self, look: Callable[[], Awaitable[View]], door: DatabaseDoor) -> None:
        self._look = look
        self._door = door

    async def list_all(self, _query: Query) -> list[dict[str, Any]]:
        return dhcp_status_of(await self._fleet())

    def vlan_page(self, vlan: str) -> Resource:
        """Make the page of one VLAN, with what can be asked for below it."""
        reconfigure = JsonPage(None, {"POST": self.reconfigure(vlan)}, access=OPERATE)
        return JsonPage(self.status_of(vlan), access=WATCH, below={b"reconfigure": reconfigure})

    def status_of(self, vlan: str) -> Callable[[Query], Awaitable[dict[str, Any]]]:
        async def answer(_query: Query) -> dict[str, Any]:
            fleet = await self._fleet()
            number = next((str(v.id) for v in fleet.vlans.values() if v.name == vlan), vlan)
            for row, known in zip(dhcp_status_of(fleet), fleet.vlans.values(), strict=True):
                if str(known.id) == number:
                    return row
            names = ", ".join(known.name for known in fleet.vlans.values()) or "none yet"
            raise _not_found(f'no VLAN is called "{vlan}"; there are: {names}')

        return answer

    def reconfigure(self, vlan: str) -> Callable[[Query], Awaitable[dict[str, Any]]]:
        """Let the leader look at once; it does so anyway, so there is hardly ever more to do."""

        async def answer(query: Query) -> dict[str, Any]:
            await self.status_of(vlan)(query)  # says so when there is no such VLAN
            await self._door.change(lambda c: notify(c, "operator"), query.asked)
            return await self.status_of(vlan)(query)

        return answer

    async def list_plans(self, _query: Query) -> list[dict[str, Any]]:
        fleet = await self._fleet()
        return [_plan(fleet, rack) for rack in fleet.racks]

    def plan_of(self, rack: str) -> Callable[[Query], Awaitable[dict[str, Any]]]:
        async def answer(_query: Query) -> dict[str, Any]:
            fleet = await self._fleet()
            for known in fleet.racks.values():
                if rack in {known.id, known.hostname}:
                    return _plan(fleet, known.id)
            names = ", ".join(known.hostname for known in fleet.racks.values()) or "none yet"
            raise _not_found(f'no rack is called "{rack}"; there are: {names}')

        return answer

    async def _fleet(self) -> Fleet:
        view = await self._look()
        if view.problem is not None:
            raise database_problem(view.problem)
        return view.fleet


def _plan(fleet: Fleet, rack: Any) -> dict[str, Any]:
    managing = fleet.managing.get(rack)
    return {
        "rack": fleet.racks[rack].hostname,
        "id": rack,
        "generation": None if managing is None else str(managing.number),
        "dhcp": to_json(dhcp_plan_for(fleet, rack)),
    }


def _not_found(detail: str) -> HttpProblem:
    return HttpProblem(status=404, code="NotFound", title="There is no such object", detail=detail)
