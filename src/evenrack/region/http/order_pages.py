"""The addresses of power orders: what was ordered of machines, how far it is, how it ended."""

from collections.abc import Awaitable, Callable
from typing import Any, cast, get_args

from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.bmc import Machine
from evenrack.model.network_rules import NAME
from evenrack.model.power import PowerAction
from evenrack.region.database.bmc_reading import find
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.order_store import (
    MOST_ORDERS,
    OrderUnderWay,
    enter_orders,
    read_orders,
)
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import HttpProblem, JsonPage, Query, Reply
from evenrack.region.http.object_pages import bad_request, not_found, only_known, outcome_unknown
from evenrack.region.http.request_body import (
    fields_refused,
    list_of,
    read_fields,
    read_object,
    text,
)

HIGHEST_ORDER = 2**63 - 1
LIST_LENGTH = 100


def order_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door)
    return {
        b"orders": JsonPage(
            answers.list_all,
            {"POST": answers.create},
            access=OPERATE,
            each=lambda order: JsonPage(answers.read_one(order), access=OPERATE),
        )
    }


class _Answers:
    """What is answered about orders."""

    def __init__(self, door: DatabaseDoor) -> None:
        self._door = door

    async def list_all(self, query: Query) -> list[dict[str, Any]]:
        only_known(query, ("ids", "machine", "limit"))
        limit = query.whole_number("limit", LIST_LENGTH, most=MOST_ORDERS) or 0
        wanted = query.arguments.get("ids")
        ids = None if wanted is None else _ids(wanted)
        machine = query.arguments.get("machine")
        if machine is not None and not NAME.fullmatch(machine):
            return []  # no machine is called so, and PostgreSQL refuses some of it
        return await self._door.read(
            lambda c: read_orders(c, orders=ids, machine=machine, limit=limit)
        )

    async def create(self, query: Query) -> Reply:
        only_known(query, ())
        reading = {"machines": list_of(text), "action": _action}
        fields = read_fields(read_object(query), reading, required=("machines", "action"))
        names = list(dict.fromkeys(fields["machines"]))
        if not names:
            raise fields_refused([("machines", "machines: name at least one")])

        who = query.asker.who

        def work(connection: Connection) -> list[dict[str, Any]]:
            found = [cast("Machine", find(connection, "machine", n).value) for n in names]
            machines = {machine.id: machine for machine in found}  # by its name and by its id
            orders = enter_orders(connection, list(machines.values()), fields["action"], who)
            return read_orders(connection, orders=orders, limit=len(orders))

        try:
            done = await self._door.change(work, query.asked, status=201)
            return Reply(body=done, status=201)
        except NoSuchObject as problem:
            raise fields_refused([("machines", f"machines: {problem}")]) from None
        except OrderUnderWay as problem:
            raise _under_way(problem) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None

    def read_one(self, order: str) -> Callable[[Query], Awaitable[dict[str, Any]]]:
        async def answer(query: Query) -> dict[str, Any]:
            only_known(query, ())
            if _is_number(order):
                for found in await self._door.read(lambda c: read_orders(c, orders=[int(order)])):
                    return found
            raise not_found(f"there is no order {order}")

        return answer


def _ids(text: str) -> list[int]:
    """Read numbers of orders with commas between."""
    parts = text.split(",")
    if not all(map(_is_number, parts)):
        raise bad_request("ids: numbers of orders with commas between are needed, as in 3,4")
    return [int(part) for part in parts]


def _is_number(text: str) -> bool:
    digits = len(str(HIGHEST_ORDER)) - 1
    return text.isascii() and text.isdecimal() and len(text) <= digits


def _action(value: Any) -> PowerAction:
    if not isinstance(value, str) or value not in get_args(PowerAction):
        raise ValueError(f"must be {', '.join(get_args(PowerAction))}")
    return cast("PowerAction", value)


def _under_way(problem: OrderUnderWay) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="OrderUnderWay",
        title="A machine has an order that has not ended; nothing was ordered",
        detail=str(problem),
        more={"running": [{"machine": m, "order": o} for m, o in problem.running.items()]},
    )
