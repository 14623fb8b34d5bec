"""The addresses of VLANs, subnets, ranges and reservations: lists, and each object below them."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import (
    HIGHEST_ID,
    NoSuchObject,
    Stored,
    find,
    read_page,
)
from evenrack.region.database.inventory_store import (
    ChangedMeanwhile,
    InventoryRefused,
    change,
    create,
    remove,
)
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.inventory_json import KINDS, Kind, object_form
from evenrack.region.http.json_pages import HttpProblem, JsonPage, Query, Reply
from evenrack.region.http.request_body import fields_refused, read_fields, read_object

Answered = TypeVar("Answered")

MOST_IN_A_LIST = 1_000
LIST_LENGTH = 100


def inventory_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    return {kind.plural.encode(): _Noun(_Answers(kind, door)) for kind in KINDS}


class _Answers:
    """What is answered about one kind of object."""

    def __init__(self, kind: Kind, door: DatabaseDoor) -> None:
        self._kind = kind
        self._door = door

    async def list_all(self, query: Query) -> dict[str, Any]:
        kind = self._kind
        _only_known(query, ("after", "limit", *kind.inside))
        after = query.whole_number("after", 0, most=HIGHEST_ID) or 0
        limit = query.whole_number("limit", LIST_LENGTH, most=MOST_IN_A_LIST) or 0

        def work(connection: Connection) -> list[Stored]:
            within = [
                _argument(connection, outer, query.arguments[outer])
                for outer in kind.inside
                if outer in query.arguments
            ]
            # one more than asked tells whether anything follows
            return read_page(connection, kind.noun, after=after, limit=limit + 1, within=within)

        found = await self._door.read(work)
        shown = found[:limit]
        more = len(found) > limit
        return {
            kind.plural: [object_form(each) for each in shown],
            "next": (shown[-1].value.id if shown else after) if more else None,
        }

    async def create(self, query: Query) -> Reply:
        kind = self._kind
        fields = read_fields(read_object(query), kind.fields, required=kind.required)
        inside = self._take_inside(fields)
        made = await self._change(lambda c: create(c, kind.noun, fields, inside=inside))
        reply = _reply(made)
        location = {"Location": f"/api/v1/{kind.plural}/{made.value.id}"}
        return Reply(body=reply.body, status=201, headers={**reply.headers, **location})

    def read_one(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            _only_known(query, ())
            try:
                return _reply(await self._door.read(lambda c: find(c, self._kind.noun, name)))
            except NoSuchObject as problem:
                raise _not_found(problem) from None

        return answer

    def change(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            seen = _condition(query)
            noun = self._kind.noun
            fields = read_fields(read_object(query), self._kind.fields)
            inside = self._take_inside(fields)
            return _reply(
                await self._change(
                    lambda c: change(c, noun, name, fields, inside=inside, if_number=seen)
                )
            )

        return answer

    def remove(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            seen = _condition(query)
            noun = self._kind.noun
            gone = await self._change(lambda c: remove(c, noun, name, if_number=seen))
            return Reply(body=object_form(gone))

        return answer

    def _take_inside(self, fields: dict[str, Any]) -> str | int | None:
        return fields.pop(self._kind.inside[0], None) if self._kind.inside else None

    async def _change(self, work: Callable[[Connection], Stored]) -> Stored:
        try:
            return await self._door.change(work)
        except NoSuchObject as problem:
            raise _not_found(problem) from None
        except ChangedMeanwhile as problem:
            raise _changed_meanwhile(problem) from None
        except InventoryRefused as problem:
            raise fields_refused(
                (finding.field_of(problem.noun, problem.number) or "", finding.sentence)
                for finding in problem.findings
            ) from None
        except OutcomeUnknown as problem:
            raise _outcome_unknown(problem) from None


class _Noun(JsonPage):
    """The list of one kind, and below it each object by its name or id."""

    isLeaf = False

    def __init__(self, answers: _Answers) -> None:
        super().__init__(answers.list_all, {"POST": answers.create})
        self._answers_about = answers

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002  Twisted asks so
        name = path.decode("utf-8", "replace")
        if not name:
            return self
        about = self._answers_about
        return JsonPage(
            about.read_one(name), {"PATCH": about.change(name), "DELETE": about.remove(name)}
        )


def _reply(it: Stored) -> Reply:
    return Reply(body=object_form(it), headers={"ETag": f'"{it.number}"'})


def _condition(query: Query) -> FleetNumber | None:
    """Read If-Match: the generation that was seen, or `*` for any."""
    _only_known(query, ())
    if query.if_match is None or query.if_match.strip() == "*":
        return None
    try:
        return FleetNumber.from_text(query.if_match.strip().strip('"'))
    except ValueError:
        raise _bad_request(
            'If-Match: give the object\'s generation as it was answered, as in "1.12", or *'
        ) from None


def _only_known(query: Query, known: tuple[str, ...]) -> None:
    """Refuse arguments that mean nothing: a filter with a typing error would show everything."""
    for name in query.arguments:
        if name not in known:
            those = f"known are {', '.join(known)}" if known else "none is known here"
            raise _bad_request(f"{name}: this argument is unknown; {those}")


def _argument(connection: Connection, noun: Any, name: str) -> Stored:
    try:
        return find(connection, noun, name)
    except NoSuchObject as problem:
        raise _bad_request(f"{noun}: {problem}") from None


def _bad_request(detail: str) -> HttpProblem:
    return HttpProblem(
        status=400, code="BadRequest", title="The request was not understood", detail=detail
    )


def _not_found(problem: NoSuchObject) -> HttpProblem:
    return HttpProblem(
        status=404, code="NotFound", title="There is no such object", detail=str(problem)
    )


def _changed_meanwhile(problem: ChangedMeanwhile) -> HttpProblem:
    return HttpProblem(
        status=412,
        code="ChangedMeanwhile",
        title="The object is not as it was seen; nothing was changed",
        detail=str(problem),
        more={"present": object_form(problem.present)},
        headers={"ETag": f'"{problem.present.number}"'},
    )


def _outcome_unknown(problem: OutcomeUnknown) -> HttpProblem:
    return HttpProblem(
        status=504,
        code="OutcomeUnknown",
        title="The change may have been done or not",
        detail=str(problem),
    )
