"""The pages of stored objects: the list of one kind, and below it each object by its name or id."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from attrs import frozen
from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import HIGHEST_ID, NoSuchObject
from evenrack.region.http.access import OPERATE, Access
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import Field, Schema
from evenrack.region.http.json_pages import Query, Reply
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import (
    Asked,
    Body,
    Declared,
    DeclaredPage,
    Operation,
    any_text,
    limit_up_to,
    number_up_to,
)
from evenrack.region.http.shapes import GENERATION, ID, object_of

MOST_IN_A_LIST = 1_000

Form = dict[str, Any]
"""An object as it is shown: its id first, its generation last."""

Written = TypeVar("Written", Form, Reply)


@frozen(kw_only=True)
class Kind:
    """What can be asked and said of one kind of object."""

    noun: str
    plural: str
    """Its address under /api/v1, and the key of a list."""
    fields: Mapping[str, Field]
    """What can be set."""
    required: tuple[str, ...]
    filters: tuple[str, ...] = ()
    """By what a list can be narrowed: names of other kinds."""
    hidden: tuple[str, ...] = ()
    """Fields that are in no answer: they are secret."""
    more: Mapping[str, Schema]
    """What an answer has besides the fields."""
    removal_problems: tuple[int, ...] = ()
    """What may be answered to a removal besides what always may."""

    @property
    def shape(self) -> Schema:
        """Give the form of an object in answers."""
        shown = {name: f.schema for name, f in self.fields.items() if name not in self.hidden}
        return object_of(**{"id": ID, **shown, **self.more, "generation": GENERATION})


class Store(Protocol):
    """Reads and changes objects of one kind, within a transaction.

    NoSuchObject, and HttpProblem for everything else that is refused.
    """

    def read_page(
        self, connection: Connection, *, after: int, limit: int, within: Mapping[str, str]
    ) -> list[Form]:
        """Give objects whose id is higher, within these others, in order of ids."""

    def find(self, connection: Connection, name: str) -> Form:
        """Give one by its name or id."""

    def create(self, connection: Connection, fields: dict[str, Any]) -> Form:
        """Make one."""

    def change(
        self, connection: Connection, name: str, fields: dict[str, Any], seen: FleetNumber | None
    ) -> Form:
        """Set these fields of one, if it is as it was seen."""

    def remove(self, connection: Connection, name: str, seen: FleetNumber | None) -> Form:
        """Delete one, if it is as it was seen."""


def noun_page(
    kind: Kind,
    store: Store,
    door: DatabaseDoor,
    *,
    below: Mapping[bytes, Resource] = MappingProxyType({}),
    access: Access = OPERATE,
) -> DeclaredPage:
    """Make the page of the list of one kind, and those below it: of each, and `below`."""
    answers = _Answers(kind, store, door)

    def page_of(name: str) -> DeclaredPage:
        return DeclaredPage(
            {
                "GET": answers.read_one(name),
                "PATCH": answers.change(name),
                "DELETE": answers.remove(name),
            },
            access=access,
        )

    return DeclaredPage(
        {"GET": answers.list_all, "POST": answers.create},
        access=access,
        below=below,
        each=page_of,
        each_is=f"the name or the id of a {kind.noun}",
    )


class _Answers:
    """What is answered about one kind of object."""

    def __init__(self, kind: Kind, store: Store, door: DatabaseDoor) -> None:
        self._kind = kind
        self._store = store
        self._door = door

    @property
    def list_all(self) -> Declared:
        kind = self._kind

        async def answer(_query: Query, asked: Asked) -> Form:
            after, limit = asked.arguments["after"], asked.arguments["limit"]
            within = {
                outer: name
                for outer in kind.filters
                if (name := asked.arguments[outer]) is not None
            }
            # one more than asked tells whether anything follows
            found = await self._door.read(
                lambda c: self._store.read_page(c, after=after, limit=limit + 1, within=within)
            )
            shown = found[:limit]
            more = len(found) > limit
            return {
                kind.plural: shown,
                "next": (shown[-1]["id"] if shown else after) if more else None,
            }

        return Declared(operation=_listing(kind), answer=answer)

    @property
    def create(self) -> Declared:
        kind = self._kind
        operation = Operation(
            summary=f"Make a {kind.noun}",
            body=Body(fields=kind.fields, required=kind.required, secret=kind.hidden),
            answer=kind.shape,
            status=201,
            headers=("ETag", "Location"),
        )

        async def answer(query: Query, asked: Asked) -> Reply:
            def work(connection: Connection) -> Reply:
                made = self._store.create(connection, asked.fields)
                location = {"Location": f"/api/v1/{kind.plural}/{made['id']}"}
                return Reply(body=made, status=201, headers={**_tag(made), **location})

            return await self._write(work, query, status=201)

        return Declared(operation=operation, answer=answer)

    def read_one(self, name: str) -> Declared:
        operation = Operation(
            summary=f"Show a {self._kind.noun}", answer=self._kind.shape, headers=("ETag",)
        )

        async def answer(_query: Query, _asked: Asked) -> Reply:
            try:
                found = await self._door.read(lambda c: self._store.find(c, name))
            except NoSuchObject as problem:
                raise not_found(str(problem)) from None
            return Reply(body=found, headers=_tag(found))

        return Declared(operation=operation, answer=answer)

    def change(self, name: str) -> Declared:
        operation = Operation(
            summary=f"Change a {self._kind.noun}: only what is given",
            body=Body(fields=self._kind.fields, secret=self._kind.hidden),
            is_conditional=True,
            answer=self._kind.shape,
            headers=("ETag",),
        )

        async def answer(query: Query, asked: Asked) -> Reply:
            def work(connection: Connection) -> Reply:
                changed = self._store.change(connection, name, asked.fields, asked.seen)
                return Reply(body=changed, headers=_tag(changed))

            return await self._write(work, query)

        return Declared(operation=operation, answer=answer)

    def remove(self, name: str) -> Declared:
        operation = Operation(
            summary=f"Delete a {self._kind.noun}; the answer shows what it was",
            is_conditional=True,
            answer=self._kind.shape,
            problems=self._kind.removal_problems,
        )

        async def answer(query: Query, asked: Asked) -> Form:
            return await self._write(lambda c: self._store.remove(c, name, asked.seen), query)

        return Declared(operation=operation, answer=answer)

    async def _write(
        self, work: Callable[[Connection], Written], query: Query, *, status: int = 200
    ) -> Written:
        try:
            return await self._door.change(work, query.asked, status=status)
        except NoSuchObject as problem:
            raise not_found(str(problem)) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def _listing(kind: Kind) -> Operation:
    """Declare the list of a kind."""
    arguments = {
        "after": number_up_to(HIGHEST_ID, 0, "only those with a higher id; `next` says which"),
        "limit": limit_up_to(MOST_IN_A_LIST),
        **{outer: any_text(f"only those of this {outer}") for outer in kind.filters},
    }
    rows = {"type": "array", "items": kind.shape}
    return Operation(
        summary=f"List {kind.plural}, in the order of their ids",
        arguments=arguments,
        answer=object_of(**{kind.plural: rows}, next={"type": ["integer", "null"]}),
    )


def _tag(form: Form) -> dict[str, str]:
    return {"ETag": f'"{form["generation"]}"'}
