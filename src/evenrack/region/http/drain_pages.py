"""The addresses of drains: what one would move, what is left to move, and how it begins and ends.

A drain is named by what drains: `rack:rack7`, `process:region1/2`, `region:region1`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, get_args

from attrs import frozen
from twisted.web.resource import Resource

from evenrack.balance.draining import (
    Burden,
    drains_of,
    leaving_of,
    stays,
    still_to_move,
    would_have_nobody,
)
from evenrack.errors import OutcomeUnknown
from evenrack.model.fleet import Fleet
from evenrack.model.intents import Drain, DrainKind
from evenrack.model.moments import as_text
from evenrack.region.database.balance_store import delete_drain, write_drain
from evenrack.region.database.engine import Connection
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import BOOLEAN, TEXT, TIME, object_of, rows_of, word_of
from evenrack.region.http.wishes import one_line, span, span_seconds, tell, wish_of

_BURDEN = object_of(object=TEXT, why=TEXT)

_KINDS: tuple[DrainKind, ...] = get_args(DrainKind)

DRAINED = object_of(
    by=TEXT,
    message=TEXT,
    who=TEXT,
    since=TIME,
    deadline=or_null(TIME),
    overdue=BOOLEAN,
    successor=or_null(TEXT),
)
"""By whom and until when something drains; `successor` is the id of who takes its places."""

_DRAIN = object_of(
    object=TEXT,
    kind=word_of(*_KINDS),
    id=TEXT,
    name=TEXT,
    drained=or_null(DRAINED),
    to_move=rows_of(_BURDEN),
    stays=rows_of(_BURDEN),
    would_have_nobody=rows_of(_BURDEN),
)

_LIST = Operation(summary="List what drains, and what it still has", answer=rows_of(_DRAIN))

_SHOW = Operation(
    summary="Show what a drain moves or still has to move, whether it has begun or not",
    answer=_DRAIN,
)

_BEGIN = Operation(
    summary="Drain: it gets nothing any more, and what it has moves away",
    body=Body(fields={"message": one_line, "deadline_seconds": span_seconds}),
    answer=_DRAIN,
    problems=(409,),
)

_END = Operation(summary="Resume: drain it no more", answer=_DRAIN, problems=(409,))


def drain_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door)

    def page_of(name: str) -> DeclaredPage:
        return DeclaredPage(
            {
                "GET": Declared(operation=_SHOW, answer=answers.show(name)),
                "POST": Declared(operation=_BEGIN, answer=answers.begin(name)),
                "DELETE": Declared(operation=_END, answer=answers.end(name)),
            },
            access=OPERATE,
        )

    return {
        b"drains": DeclaredPage(
            {"GET": Declared(operation=_LIST, answer=answers.list_all)},
            access=OPERATE,
            each=page_of,
            each_is="rack:, process: or region:, and the name or the id of one",
        )
    }


Answer = Callable[[Query, Asked], Awaitable[object]]


@frozen(kw_only=True)
class _Target:
    """What drains, or may."""

    kind: DrainKind
    id: str
    name: str

    @property
    def object(self) -> str:
        return f"{self.kind}:{self.id}"


class _Answers:
    """What is answered about drains."""

    def __init__(self, door: DatabaseDoor) -> None:
        self._door = door

    async def list_all(self, _query: Query, _asked: Asked) -> list[dict[str, Any]]:
        fleet = await self._door.read(read_fleet)
        targets = [_find(fleet, drain.kind, drain.id) for drain in fleet.drains]
        return [_form(fleet, target) for target in targets if target is not None]

    def show(self, name: str) -> Answer:
        async def answer(_query: Query, _asked: Asked) -> dict[str, Any]:
            fleet = await self._door.read(read_fleet)
            return _form(fleet, _target(fleet, name))

        return answer

    def begin(self, name: str) -> Answer:
        async def answer(query: Query, asked: Asked) -> dict[str, Any]:
            wish = wish_of(query.asker.who, asked.fields, "message", "deadline_seconds")

            def work(connection: Connection) -> dict[str, Any]:
                target = _target(read_fleet(connection), name)
                message = f": {wish.message}" if wish.message else ""
                text = f"{wish.who} drains {target.name}{span(wish.seconds)}{message}"
                tell(connection, "drain", target.object, text)
                fleet = read_fleet(connection)  # as it is while nobody else decides
                lonely = would_have_nobody(fleet, leaving_of(fleet, target.kind, target.id))
                if lonely and not drains_of(fleet, target.kind, target.id):
                    raise _refused(target, lonely)
                write_drain(connection, target.kind, target.id, wish)
                return _form(read_fleet(connection), target)

            return await self._changed(work, query)

        return answer

    def end(self, name: str) -> Answer:
        async def answer(query: Query, _asked: Asked) -> dict[str, Any]:
            def work(connection: Connection) -> dict[str, Any]:
                fleet = read_fleet(connection)
                target = _target(fleet, name)
                if not delete_drain(connection, target.kind, target.id):
                    raise _not_drained(fleet, target)
                text = f"{query.asker.who} resumes {target.name}: it is drained no more"
                tell(connection, "drain", target.object, text)
                return _form(read_fleet(connection), target)

            return await self._changed(work, query)

        return answer

    async def _changed(
        self, work: Callable[[Connection], dict[str, Any]], query: Query
    ) -> dict[str, Any]:
        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def _target(fleet: Fleet, name: str) -> _Target:
    """Find what is meant; HttpProblem 404 when there is no such thing."""
    kind, _, wanted = name.partition(":")
    for known in _KINDS:
        if kind == known:
            found = _find(fleet, known, wanted)
            if found is not None:
                return found
            raise not_found(f'no {known} is called "{wanted}"')
    raise not_found(f"say what drains: {', '.join(f'{known}:NAME' for known in _KINDS)}")


def _find(fleet: Fleet, kind: DrainKind, wanted: str) -> _Target | None:
    named: dict[str, str]
    if kind == "rack":
        named = {rack.id: rack.hostname for rack in fleet.racks.values()}
    elif kind == "process":
        named = {process: process for process in fleet.processes}
    else:
        named = {each: fleet.regions[each] for each in fleet.regions}
    if wanted in named:
        return _Target(kind=kind, id=wanted, name=wanted if kind == "region" else named[wanted])
    called = [each for each, name in named.items() if name == wanted]
    if len(called) != 1:
        return None
    return _Target(kind=kind, id=called[0], name=wanted)


def _form(fleet: Fleet, target: _Target) -> dict[str, Any]:
    leaving = leaving_of(fleet, target.kind, target.id)
    drain = next(iter(drains_of(fleet, target.kind, target.id)), None)
    return {
        "object": target.object,
        "kind": target.kind,
        "id": target.id,
        "name": target.name,
        "drained": None if drain is None else drained_form(drain),
        "to_move": _rows(still_to_move(fleet, leaving)),
        "stays": _rows(stays(fleet, leaving)),
        "would_have_nobody": _rows(would_have_nobody(fleet, leaving)),
    }


def drained_form(drain: Drain) -> dict[str, Any]:
    """Give a drain as it is shown."""
    to = drain.succession
    return {
        "by": drain.object,
        "message": drain.message,
        "who": drain.who,
        "since": as_text(drain.since),
        "deadline": None if drain.deadline is None else as_text(drain.deadline),
        "overdue": drain.overdue,
        "successor": None if to is None else to.rack,
    }


def _rows(burdens: Sequence[Burden]) -> list[dict[str, str]]:
    return [{"object": burden.object, "why": burden.why} for burden in burdens]


def _refused(target: _Target, lonely: Sequence[Burden]) -> HttpProblem:
    told = lonely[0].why if len(lonely) == 1 else f"{len(lonely)} would have nobody, see errors"
    return HttpProblem(
        status=409,
        code="WouldHaveNobody",
        title="Something would have nobody; nothing was changed",
        detail=f"{target.name} is not drained: {told}",
        more={"errors": [{"field": each.object, "detail": each.why} for each in lonely]},
    )


def _not_drained(fleet: Fleet, target: _Target) -> HttpProblem:
    detail = f"{target.name} is not drained"
    for drain in drains_of(fleet, target.kind, target.id):
        detail = f"{target.name} drains with {drain.object}: resume that"
    return HttpProblem(
        status=409, code="NotDrained", title="It is not drained; nothing was changed", detail=detail
    )
