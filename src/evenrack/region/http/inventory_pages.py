"""The addresses of VLANs, subnets, ranges and reservations: lists, and each object below them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from twisted.web.resource import Resource

from evenrack.model.findings import Noun
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import (
    AROUND,
    NoSuchObject,
    Stored,
    find,
    read_page,
)
from evenrack.region.database.inventory_store import (
    ChangedMeanwhile,
    InventoryRefused,
    StillNeeded,
    change,
    create,
    remove,
)
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.import_page import import_page
from evenrack.region.http.inventory_json import (
    RANGES,
    RESERVATIONS,
    SUBNETS,
    VLANS,
    object_form,
)
from evenrack.region.http.json_pages import HttpProblem
from evenrack.region.http.noun_pages import Form, Kind, noun_page
from evenrack.region.http.object_pages import bad_request, changed_meanwhile
from evenrack.region.http.request_body import fields_refused
from evenrack.runtime.thinking import Think

_NOUNS: Mapping[Noun, Kind] = {
    "vlan": VLANS,
    "subnet": SUBNETS,
    "range": RANGES,
    "reservation": RESERVATIONS,
}


def inventory_pages(door: DatabaseDoor, think: Think) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    below: Mapping[Noun, Mapping[bytes, Resource]] = {
        "reservation": {b"import": import_page(door, think)}
    }
    return {
        kind.plural.encode(): noun_page(kind, _Store(noun), door, below=below.get(noun, {}))
        for noun, kind in _NOUNS.items()
    }


class _Store:
    """Objects of one kind of the inventory."""

    def __init__(self, noun: Noun) -> None:
        self._noun = noun

    def read_page(
        self, connection: Connection, *, after: int, limit: int, within: Mapping[str, str]
    ) -> list[Form]:
        around = [_argument(connection, outer, name) for outer, name in within.items()]
        found = read_page(connection, self._noun, after=after, limit=limit, within=around)
        return [object_form(each) for each in found]

    def find(self, connection: Connection, name: str) -> Form:
        return object_form(find(connection, self._noun, name))

    def create(self, connection: Connection, fields: dict[str, Any]) -> Form:
        own, inside = self._apart(fields)
        with _refusals_told():
            return object_form(create(connection, self._noun, own, inside=inside))

    def change(
        self, connection: Connection, name: str, fields: dict[str, Any], seen: FleetNumber | None
    ) -> Form:
        own, inside = self._apart(fields)
        with _refusals_told():
            changed = change(connection, self._noun, name, own, inside=inside, if_number=seen)
            return object_form(changed)

    def remove(self, connection: Connection, name: str, seen: FleetNumber | None) -> Form:
        with _refusals_told():
            return object_form(remove(connection, self._noun, name, if_number=seen))

    def _apart(self, fields: dict[str, Any]) -> tuple[dict[str, Any], str | int | None]:
        """Take the field that says what an object is inside; the transaction may run again."""
        around = AROUND.get(self._noun)
        own = {name: value for name, value in fields.items() if name != around}
        return own, None if around is None else fields.get(around)


@contextmanager
def _refusals_told() -> Iterator[None]:
    try:
        yield
    except ChangedMeanwhile as problem:
        form = object_form(problem.present)
        raise changed_meanwhile(str(problem), form, problem.present.number) from None
    except StillNeeded as problem:
        raise HttpProblem(
            status=409,
            code="StillNeeded",
            title="Something hangs on it; nothing was changed",
            detail=str(problem),
        ) from None
    except InventoryRefused as problem:
        raise fields_refused(
            (finding.field_of(problem.noun, problem.number) or "", finding.sentence)
            for finding in problem.findings
        ) from None


def _argument(connection: Connection, noun: Any, name: str) -> Stored:
    try:
        return find(connection, noun, name)
    except NoSuchObject as problem:
        raise bad_request(f"{noun}: {problem}") from None
