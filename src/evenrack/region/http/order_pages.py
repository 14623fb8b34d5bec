"""The addresses of power orders: what was ordered of machines, how far it is, how it ended."""

from collections.abc import Awaitable, Callable
from typing import Any, cast, get_args

from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.bmc import Machine
from evenrack.model.network_rules import NAME
from evenrack.model.power import BOOTS, PHASES, BootDevice, PowerAction, PowerState, Result
from evenrack.region.database.bmc_reading import find
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.order_cancelling import OrderEnded, cancel_order
from evenrack.region.database.order_reading import read_orders
from evenrack.region.database.order_store import MOST_ORDERS, OrderUnderWay, enter_orders
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import list_of, nullable, one_of, or_null, text
from evenrack.region.http.json_pages import HttpProblem, Query, Reply
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import (
    Asked,
    Body,
    Declared,
    DeclaredPage,
    Operation,
    any_text,
    limit_up_to,
    text_read_by,
)
from evenrack.region.http.request_body import fields_refused
from evenrack.region.http.shapes import COUNT, ID, TEXT, TIME, object_of, rows_of, word_of

HIGHEST_ORDER = 2**63 - 1
MOST_MACHINES = MOST_ORDERS
"""In one request: each is looked for by its name."""

_ORDER = object_of(
    order=ID,
    machine=TEXT,
    bmc=TEXT,
    action=word_of(*get_args(PowerAction)),
    boot=word_of(*get_args(BootDevice), None),
    who=TEXT,
    at=TIME,
    attempt=COUNT,
    rack=or_null(TEXT),
    phase=word_of(*dict.fromkeys(phase for phases in PHASES.values() for phase in phases)),
    result=word_of(*get_args(Result), None),
    state=word_of(*get_args(PowerState)),
    seconds={"type": "number"},
    error=or_null(TEXT),
    ended=or_null(TIME),
    cancelled_by=or_null(TEXT),
    do=or_null(TEXT),
    steps=rows_of(object_of(at=TIME, step=TEXT, rack=or_null(TEXT), attempt=COUNT)),
)


def order_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door)

    def page_of(order: str) -> DeclaredPage:
        one = Declared(operation=_SHOW, answer=answers.read_one(order))
        cancelling = Declared(operation=_CANCEL, answer=answers.cancel(order))
        return DeclaredPage(
            {"GET": one},
            access=OPERATE,
            below={b"cancel": DeclaredPage({"POST": cancelling}, access=OPERATE)},
        )

    return {
        b"orders": DeclaredPage(
            {
                "GET": Declared(operation=_LIST, answer=answers.list_all),
                "POST": Declared(operation=_ORDERING, answer=answers.create),
            },
            access=OPERATE,
            each=page_of,
            each_is="the number of an order",
        )
    }


class _Answers:
    """What is answered about orders."""

    def __init__(self, door: DatabaseDoor) -> None:
        self._door = door

    async def list_all(self, _query: Query, asked: Asked) -> list[dict[str, Any]]:
        machine = asked.arguments["machine"]
        if machine is not None and not NAME.fullmatch(machine):
            return []  # no machine is called so, and PostgreSQL refuses some of it
        ids, limit = asked.arguments["ids"], asked.arguments["limit"]
        return await self._door.read(
            lambda c: read_orders(c, orders=ids, machine=machine, limit=limit)
        )

    async def create(self, query: Query, asked: Asked) -> Reply:
        names, action = list(dict.fromkeys(asked.fields["machines"])), asked.fields["action"]
        who, boot = query.asker.who, asked.fields.get("boot")
        if boot is not None and action not in BOOTS:
            raise _starts_nothing(action, boot)

        def work(connection: Connection) -> list[dict[str, Any]]:
            found = [cast("Machine", find(connection, "machine", n).value) for n in names]
            machines = {machine.id: machine for machine in found}  # by its name and by its id
            orders = enter_orders(connection, list(machines.values()), action, who, boot)
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

    def read_one(self, order: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        async def answer(_query: Query, _asked: Asked) -> dict[str, Any]:
            if _is_number(order):
                for found in await self._door.read(lambda c: read_orders(c, orders=[int(order)])):
                    return found
            raise not_found(f"there is no order {order}")

        return answer

    def cancel(self, order: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        async def answer(query: Query, _asked: Asked) -> dict[str, Any]:
            def work(connection: Connection) -> dict[str, Any]:
                number = int(order) if _is_number(order) else 0
                if not cancel_order(connection, number, query.asker.who):
                    raise not_found(f"there is no order {order}")
                (found,) = read_orders(connection, orders=[number])
                return found

            try:
                return await self._door.change(work, query.asked)
            except OrderEnded as problem:
                raise _has_ended(problem) from None
            except OutcomeUnknown as problem:
                raise outcome_unknown(problem) from None

        return answer


def _read_ids(text: str) -> list[int]:
    """Read numbers of orders with commas between."""
    parts = text.split(",")
    if not all(map(_is_number, parts)):
        raise ValueError("numbers of orders with commas between are needed, as in 3,4")
    return [int(part) for part in parts]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS


_DIGITS = len(str(HIGHEST_ORDER)) - 1
_NUMBER = f"[0-9]{{1,{_DIGITS}}}"

_LIST = Operation(
    summary="List orders: these, or the newest, of one machine or of all",
    arguments={
        "ids": text_read_by(
            _read_ids,
            {"type": "string", "pattern": f"^{_NUMBER}(?:,{_NUMBER})*$"},
            "only the orders with these numbers",
        ),
        "machine": any_text("only those of the machine with this name"),
        "limit": limit_up_to(MOST_ORDERS),
    },
    answer=rows_of(_ORDER),
)

_SHOW = Operation(summary="Show an order", answer=_ORDER)

_CANCEL = Operation(
    summary=(
        "Cancel an order: nothing more of it is sent once its rack has heard of it, and what was "
        "sent is not taken back"
    ),
    body=Body(fields={}),
    answer=_ORDER,
    problems=(409,),
)

_ORDERING = Operation(
    summary="Order a power state of machines, or ask for it: one order for each; "
    "with `boot` they start from there, this time only",
    body=Body(
        fields={
            "machines": list_of(text, least=1, most=MOST_MACHINES),
            "action": one_of(*get_args(PowerAction)),
            "boot": nullable(one_of(*get_args(BootDevice))),
        },
        required=("machines", "action"),
    ),
    answer=rows_of(_ORDER),
    status=201,
    problems=(409,),
)


def _starts_nothing(action: str, boot: str) -> HttpProblem:
    starts = ", ".join(sorted(BOOTS))
    why = f"boot: `{action}` starts no machine, so none from {boot}; {starts} do"
    return fields_refused([("boot", why)])


def _under_way(problem: OrderUnderWay) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="OrderUnderWay",
        title="A machine has an order that has not ended; nothing was ordered",
        detail=str(problem),
        more={"running": [{"machine": m, "order": o} for m, o in problem.running.items()]},
    )


def _has_ended(problem: OrderEnded) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="OrderEnded",
        title="The order has ended; there is nothing to cancel",
        detail=str(problem),
    )
