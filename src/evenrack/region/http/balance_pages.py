"""The addresses by which operators hold the balance, release it, and let another lead."""

from typing import Any

from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.moments import as_text
from evenrack.region.database.balance_store import (
    delete_hold,
    read_breaker,
    read_hold,
    release_breaker,
    write_hold,
)
from evenrack.region.database.engine import Connection
from evenrack.region.database.leader_store import ask_to_step_down, read_leadership
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import TEXT, TIME, object_of, rows_of, word_of
from evenrack.region.http.wishes import one_line, span, span_seconds, tell, wish_of

_HOLD = object_of(reason=TEXT, who=TEXT, since=TIME, until=or_null(TIME))

_BREAKER = object_of(why=TEXT, since=TIME, state=word_of("holds", "released"))

_STATE = object_of(hold=or_null(_HOLD), breaker=or_null(_BREAKER))

_SHOW = Operation(summary="Show what holds the balance: an operator, the breaker", answer=_STATE)

_ENTER = Operation(
    summary="Hold the balance: only forced moves are made",
    body=Body(fields={"reason": one_line, "for_seconds": span_seconds}, required=("reason",)),
    answer=_STATE,
)

_RELEASE = Operation(
    summary="Release the balance: from the hold of an operator, and from the circuit breaker",
    answer=object_of(released=rows_of(word_of("hold", "breaker"))),
)

_STEP_DOWN = Operation(
    summary="Let another process lead",
    body=Body(fields={}),
    answer=object_of(leader=TEXT),
    problems=(409,),
)


def hold_page(door: DatabaseDoor) -> Resource:
    """Make the page below /api/v1/balance."""
    answers = _Answers(door)
    return DeclaredPage(
        {
            "GET": Declared(operation=_SHOW, answer=answers.show),
            "POST": Declared(operation=_ENTER, answer=answers.hold),
            "DELETE": Declared(operation=_RELEASE, answer=answers.release),
        },
        access=OPERATE,
    )


def step_down_page(door: DatabaseDoor) -> Resource:
    """Make the page below /api/v1/leader."""
    step_down = Declared(operation=_STEP_DOWN, answer=_Answers(door).step_down)
    return DeclaredPage({"POST": step_down}, access=OPERATE)


class _Answers:
    """What is answered about holds and about leading."""

    def __init__(self, door: DatabaseDoor) -> None:
        self._door = door

    async def show(self, _query: Query, _asked: Asked) -> dict[str, Any]:
        return await self._door.read(_shown)

    async def hold(self, query: Query, asked: Asked) -> dict[str, Any]:
        wish = wish_of(query.asker.who, asked.fields, "reason", "for_seconds")

        def work(connection: Connection) -> dict[str, Any]:
            text = f"{wish.who} holds the balance{span(wish.seconds)}: {wish.message}"
            tell(connection, "hold", "balance", text)
            write_hold(connection, wish)
            return _shown(connection)

        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None

    async def release(self, query: Query, _asked: Asked) -> dict[str, Any]:
        def work(connection: Connection) -> dict[str, Any]:
            released = []
            if read_hold(connection) is not None:
                tell(connection, "hold", "balance", f"{query.asker.who} releases the balance")
                released.append("hold")
            delete_hold(connection)
            if release_breaker(connection):
                text = f"{query.asker.who} releases the circuit breaker"
                tell(connection, "breaker", "balance", text)
                released.append("breaker")
            return {"released": released}

        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None

    async def step_down(self, query: Query, _asked: Asked) -> dict[str, Any]:
        def work(connection: Connection) -> dict[str, Any]:
            leadership = read_leadership(connection)
            holder = leadership.holder
            if holder is None or not leadership.holder_runs:
                raise _cannot_step_down("nobody leads now; it should end within 5 s by itself")
            if not any(process != holder for process, _ in leadership.candidates):
                raise _cannot_step_down(f"no other region process runs that could follow {holder}")
            text = f"{query.asker.who} wants another process to lead than {holder}"
            tell(connection, "leader", f"process:{holder}", text)
            ask_to_step_down(connection)
            return {"leader": holder}

        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def _shown(connection: Connection) -> dict[str, Any]:
    hold, breaker = read_hold(connection), read_breaker(connection)
    return {
        "hold": hold
        and {
            "reason": hold.reason,
            "who": hold.who,
            "since": as_text(hold.since),
            "until": None if hold.until is None else as_text(hold.until),
        },
        "breaker": breaker
        and {
            "why": breaker.why,
            "since": None if breaker.since is None else as_text(breaker.since),
            "state": "released" if breaker.released else "holds",
        },
    }


def _cannot_step_down(detail: str) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="NobodyElseLeads",
        title="No other process can lead; nothing was changed",
        detail=detail,
    )
