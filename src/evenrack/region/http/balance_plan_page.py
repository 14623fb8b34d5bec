"""The address that shows what would move now, or without some parts of the fleet."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import DeferredLock
from twisted.web.resource import Resource

from evenrack.balance.what_if import PartUnknown
from evenrack.model.fleet import Fleet
from evenrack.region.http.access import WATCH
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import Query, database_problem
from evenrack.region.http.object_pages import not_found
from evenrack.region.http.operations import (
    Asked,
    Declared,
    DeclaredPage,
    Operation,
    any_texts,
)
from evenrack.region.http.shapes import BOOLEAN, TEXT, object_of, rows_of
from evenrack.region.views.fleet_view import Look

PlanBalance = Callable[[Fleet, Sequence[str]], Awaitable[dict[str, Any]]]
"""`balance_plan` with the policies of the configuration; PartUnknown when a name is wrong."""

_MOVE = object_of(
    **{
        "what": TEXT,
        "item": TEXT,
        "name": TEXT,
        "from": or_null(TEXT),
        "to": or_null(TEXT),
        "forced": BOOLEAN,
        "reason": TEXT,
    }
)

_PLAN = Operation(
    summary="Show what would move now, or if some parts were gone, and what would have nobody",
    arguments={
        "without": any_texts("what is thought away: rack:NAME, process:NAME or region:NAME")
    },
    answer=object_of(
        moves=rows_of(_MOVE), nobody=rows_of(object_of(object=TEXT, why=TEXT)), held=BOOLEAN
    ),
    problems=(404,),
)


def plan_page(look: Look, plan_balance: PlanBalance) -> Resource:
    """Make the page below /api/v1/balance."""
    one_at_a_time = DeferredLock()  # each keeps a processor busy

    async def answer(_query: Query, asked: Asked) -> dict[str, Any]:
        view = await look()
        if view.problem is not None:
            raise database_problem(view.problem)
        await one_at_a_time.acquire()
        try:
            return await plan_balance(view.fleet, asked.arguments["without"])
        except PartUnknown as problem:
            raise not_found(f"without: {problem}") from None
        finally:
            one_at_a_time.release()

    return DeclaredPage({"GET": Declared(operation=_PLAN, answer=answer)}, access=WATCH)
