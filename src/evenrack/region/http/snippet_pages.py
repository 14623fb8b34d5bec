"""The addresses of snippets: only administrators change them, since dhcpd runs what they say."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, get_args

from twisted.web.resource import Resource

from evenrack.model.findings import Noun
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.snippet import SnippetLevel
from evenrack.model.snippet_rules import MOST_TEXT_BYTES
from evenrack.region.database import snippet_store
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.inventory_reading import find as find_object
from evenrack.region.database.snippet_reading import StoredSnippet
from evenrack.region.database.snippet_store import SnippetChanged, SnippetRefused
from evenrack.region.http.access import PROGRAM
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import boolean, name, nullable, one_of, or_null, reference, text
from evenrack.region.http.noun_pages import Form, Kind, noun_page
from evenrack.region.http.object_pages import bad_request, changed_meanwhile
from evenrack.region.http.request_body import fields_refused
from evenrack.region.http.shapes import TEXT

_WITHIN: Final[tuple[Noun, ...]] = ("vlan", "subnet")

SNIPPETS: Final = Kind(
    noun="snippet",
    plural="snippets",
    fields={
        "name": name.but(**{"not": {"pattern": "^[0-9]+$"}}),
        "level": one_of(*get_args(SnippetLevel)),
        "of": nullable(reference),
        "enabled": boolean,
        "text": text.but(maxLength=MOST_TEXT_BYTES),
    },
    required=("name", "text"),
    filters=_WITHIN,
    more={"of": or_null(TEXT)},
)


def snippet_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    return {SNIPPETS.plural.encode(): noun_page(SNIPPETS, _Store(), door, access=PROGRAM)}


class _Store:
    """Snippets, for the pages of objects."""

    def read_page(
        self, connection: Connection, *, after: int, limit: int, within: Mapping[str, str]
    ) -> list[Form]:
        numbers = {
            noun: _number_of(connection, noun, within[noun]) for noun in _WITHIN if noun in within
        }
        found = snippet_store.read_page(connection, after=after, limit=limit, within=numbers)
        return [_form(each) for each in found]

    def find(self, connection: Connection, name: str) -> Form:
        return _form(snippet_store.find(connection, name))

    def create(self, connection: Connection, fields: dict[str, Any]) -> Form:
        with _refusals_told():
            return _form(snippet_store.create(connection, fields))

    def change(
        self, connection: Connection, name: str, fields: dict[str, Any], seen: FleetNumber | None
    ) -> Form:
        with _refusals_told():
            return _form(snippet_store.change(connection, name, fields, if_number=seen))

    def remove(self, connection: Connection, name: str, seen: FleetNumber | None) -> Form:
        with _refusals_told():
            return _form(snippet_store.remove(connection, name, if_number=seen))


def _form(it: StoredSnippet) -> Form:
    return {"id": it.snippet.id, **snippet_store.fields_of(it), "generation": str(it.number)}


@contextmanager
def _refusals_told() -> Iterator[None]:
    try:
        yield
    except SnippetChanged as problem:
        form = _form(problem.present)
        raise changed_meanwhile(str(problem), form, problem.present.number) from None
    except SnippetRefused as problem:
        raise fields_refused([(problem.field, str(problem))]) from None


def _number_of(connection: Connection, noun: Noun, name: str) -> int:
    try:
        return find_object(connection, noun, name).value.id
    except NoSuchObject as problem:
        raise bad_request(f"{noun}: {problem}") from None
