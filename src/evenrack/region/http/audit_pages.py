"""The address of the audit log."""

from typing import Any

from twisted.web.resource import Resource

from evenrack.region.database.audit_store import MOST_ROWS, read_audit
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import JsonPage, Query
from evenrack.region.http.object_pages import only_known

HIGHEST_ROW = 2**63 - 1
LIST_LENGTH = 100


def audit_pages(door: DatabaseDoor) -> dict[bytes, Resource]:
    """Make the page under /api/v1."""

    async def rows(query: Query) -> dict[str, Any]:
        only_known(query, ("after", "limit"))
        after = query.whole_number("after", None, most=HIGHEST_ROW)
        limit = query.whole_number("limit", LIST_LENGTH, most=MOST_ROWS) or 0
        found = await door.read(lambda c: read_audit(c, after=after, limit=limit))
        return {"audit": found, "next": found[-1]["id"] if found else after or 0}

    return {b"audit": JsonPage(rows, access=ADMINISTER)}
