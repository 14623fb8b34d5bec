"""The address of what `evenrack doctor` needs beside the status."""

from typing import Any

from twisted.web.resource import Resource

from evenrack.region.database.doctor_store import read_condition
from evenrack.region.http.access import WATCH
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import Query
from evenrack.region.http.operations import Asked, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import (
    COUNT,
    SECONDS,
    TEXT,
    TIME,
    object_of,
    rows_of,
    word_of,
)

_CERTIFICATE = object_of(
    kind=word_of("rack", "region", "authority"), name=TEXT, not_after=TIME, seconds_left=SECONDS
)

_READ = Operation(
    summary="Show schema, sessions and standbys of the database, and certificates near their end",
    answer=object_of(
        schema=object_of(needed=COUNT, lowest=COUNT, highest=COUNT),
        sessions=object_of(processes=COUNT, of_each=COUNT, needed=COUNT, allowed=COUNT),
        standbys=COUNT,
        certificates=rows_of(_CERTIFICATE),
    ),
)


def doctor_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the page under /api/v1."""

    async def condition(_query: Query, _asked: Asked) -> dict[str, Any]:
        return await door.read(read_condition)

    return {
        b"doctor": DeclaredPage({"GET": Declared(operation=_READ, answer=condition)}, access=WATCH)
    }
