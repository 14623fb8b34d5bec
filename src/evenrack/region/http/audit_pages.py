"""The address of the audit log."""

from typing import Any

from twisted.web.resource import Resource

from evenrack.region.database.audit_store import MOST_ROWS, read_audit
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import Query
from evenrack.region.http.operations import (
    Asked,
    Declared,
    DeclaredPage,
    Operation,
    limit_up_to,
    number_up_to,
)
from evenrack.region.http.shapes import ANYTHING, COUNT, ID, TEXT, TIME, object_of, rows_of

HIGHEST_ROW = 2**63 - 1

_ROW = object_of(
    id=ID, at=TIME, who=TEXT, role=TEXT, source=TEXT, deed=TEXT, status=COUNT, data=ANYTHING
)

_READ = Operation(
    summary="Show the audit log: every change that was asked for, the newest or those after one",
    arguments={
        "after": number_up_to(HIGHEST_ROW, None, "only those with a higher id; `next` says which"),
        "limit": limit_up_to(MOST_ROWS),
    },
    answer=object_of(audit=rows_of(_ROW), next=COUNT),
)


def audit_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the page under /api/v1."""

    async def rows(_query: Query, asked: Asked) -> dict[str, Any]:
        after, limit = asked.arguments["after"], asked.arguments["limit"]
        found = await door.read(lambda c: read_audit(c, after=after, limit=limit))
        return {"audit": found, "next": found[-1]["id"] if found else after or 0}

    return {
        b"audit": DeclaredPage({"GET": Declared(operation=_READ, answer=rows)}, access=ADMINISTER)
    }
