"""The addresses of VLANs, subnets, ranges and reservations: lists, and each object below them."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
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
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.inventory_json import KINDS, Kind, object_form
from evenrack.region.http.json_pages import Query, Reply
from evenrack.region.http.object_pages import (
    LIST_LENGTH,
    MOST_IN_A_LIST,
    NounAnswers,
    NounPage,
    bad_request,
    changed_meanwhile,
    condition_of,
    not_found,
    only_known,
    outcome_unknown,
)
from evenrack.region.http.request_body import fields_refused, read_fields, read_object


def inventory_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    return {
        kind.plural.encode(): NounPage(_Answers(kind, door).all, access=OPERATE) for kind in KINDS
    }


class _Answers:
    """What is answered about one kind of object."""

    def __init__(self, kind: Kind, door: DatabaseDoor) -> None:
        self._kind = kind
        self._door = door

    @property
    def all(self) -> NounAnswers:
        return NounAnswers(
            list_all=self._list_all,
            create=self._create,
            read_one=self._read_one,
            change=self._change,
            remove=self._remove,
        )

    async def _list_all(self, query: Query) -> dict[str, Any]:
        kind = self._kind
        only_known(query, ("after", "limit", *kind.inside))
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

    async def _create(self, query: Query) -> Reply:
        kind = self._kind
        fields = read_fields(read_object(query), kind.fields, required=kind.required)
        inside = self._take_inside(fields)
        made = await self._write(
            lambda c: create(c, kind.noun, fields, inside=inside), query, status=201
        )
        reply = _reply(made)
        location = {"Location": f"/api/v1/{kind.plural}/{made.value.id}"}
        return Reply(body=reply.body, status=201, headers={**reply.headers, **location})

    def _read_one(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            only_known(query, ())
            try:
                return _reply(await self._door.read(lambda c: find(c, self._kind.noun, name)))
            except NoSuchObject as problem:
                raise not_found(str(problem)) from None

        return answer

    def _change(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            seen = condition_of(query)
            noun = self._kind.noun
            fields = read_fields(read_object(query), self._kind.fields)
            inside = self._take_inside(fields)
            return _reply(
                await self._write(
                    lambda c: change(c, noun, name, fields, inside=inside, if_number=seen), query
                )
            )

        return answer

    def _remove(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            seen = condition_of(query)
            noun = self._kind.noun
            gone = await self._write(lambda c: remove(c, noun, name, if_number=seen), query)
            return Reply(body=object_form(gone))

        return answer

    def _take_inside(self, fields: dict[str, Any]) -> str | int | None:
        return fields.pop(self._kind.inside[0], None) if self._kind.inside else None

    async def _write(
        self, work: Callable[[Connection], Stored], query: Query, *, status: int = 200
    ) -> Stored:
        try:
            return await self._door.change(work, query.asked, status=status)
        except NoSuchObject as problem:
            raise not_found(str(problem)) from None
        except ChangedMeanwhile as problem:
            present = problem.present
            form = object_form(present)
            raise changed_meanwhile(str(problem), form, present.number) from None
        except InventoryRefused as problem:
            raise fields_refused(
                (finding.field_of(problem.noun, problem.number) or "", finding.sentence)
                for finding in problem.findings
            ) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def _reply(it: Stored) -> Reply:
    return Reply(body=object_form(it), headers={"ETag": f'"{it.number}"'})


def _argument(connection: Connection, noun: Any, name: str) -> Stored:
    try:
        return find(connection, noun, name)
    except NoSuchObject as problem:
        raise bad_request(f"{noun}: {problem}") from None
