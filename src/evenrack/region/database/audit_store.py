"""The audit log: every change that was asked for, by whom, from where, and what came of it."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, insert, select, text

from evenrack.model.moments import as_text
from evenrack.region.database.trust_tables import audit

MOST_ROWS = 1_000
"""In one answer."""

MOST_TRIMMED = 1_000
"""In one transaction."""


@frozen(kw_only=True)
class AuditRow:
    """One change that was asked for."""

    who: str
    """The name of a token, or of a user of the unix socket."""
    role: str
    source: str
    """address:port, or "unix socket"."""
    deed: str
    """Method and path."""
    status: int
    """What was answered, as HTTP counts."""
    data: Mapping[str, Any]
    """What came with it, without secrets."""


def write_audit(connection: Connection, row: AuditRow) -> None:
    """Add a row."""
    connection.execute(
        insert(audit),
        {
            "who": row.who,
            "role": row.role,
            "source": row.source,
            "deed": row.deed,
            "status": row.status,
            "data": dict(row.data),
        },
    )


def read_audit(connection: Connection, *, after: int | None, limit: int) -> list[dict[str, Any]]:
    """Give rows in order, as the API shows them; without `after`, the newest `limit`."""
    query = select(audit).limit(min(limit, MOST_ROWS))
    if after is None:
        rows = list(connection.execute(query.order_by(audit.c.id.desc())))[::-1]
    else:
        rows = list(connection.execute(query.where(audit.c.id > after).order_by(audit.c.id)))
    return [
        {
            "id": row.id,
            "at": as_text(row.at),
            "who": row.who,
            "role": row.role,
            "source": row.source,
            "deed": row.deed,
            "status": row.status,
            "data": row.data,
        }
        for row in rows
    ]


def trim_audit(connection: Connection, *, keep_days: int) -> int:
    """Remove rows older than so many days, at most a batch, and give how many.

    It looks at no more than the lowest numbers: the order of numbers is that of time, and there is
    no index by time. What another process is just removing is left to that one. The oldest are
    read once, by name: a subquery may be run again for each row, and then skips what is gone.
    """
    removed: int = connection.execute(
        text(
            "WITH oldest AS MATERIALIZED ("
            "SELECT id, at FROM audit ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED) "
            "DELETE FROM audit WHERE id IN (SELECT id FROM oldest "
            "WHERE at < now() - make_interval(days => :days))"
        ),
        {"most": MOST_TRIMMED, "days": keep_days},
    ).rowcount
    return removed
