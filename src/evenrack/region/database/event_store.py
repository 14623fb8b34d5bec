"""Events: every move, loss and return with its reason, in the order of their numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from sqlalchemy import Connection, insert, select

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.moments import as_text
from evenrack.region.database.tables import event

MOST_EVENTS = 1_000
"""Rows in one answer at most."""


@frozen(kw_only=True)
class Event:
    """Something that happened, to be recorded."""

    kind: str
    """move, balance, hold, drain, breaker, loss, join, leader, database, problem, refused."""
    object: str
    """`rack:ID` or `process:REGION/N`, or `database`."""
    text: str
    data: Mapping[str, Any] = field(factory=dict)


def record(connection: Connection, events: Sequence[Event], number: FleetNumber) -> None:
    """Write events with the number of the fleet that they belong to."""
    if events:
        connection.execute(
            insert(event),
            [
                {
                    "kind": e.kind,
                    "object": e.object,
                    "text": e.text,
                    "data": dict(e.data),
                    "era": number.era,
                    "generation": number.generation,
                }
                for e in events
            ],
        )


def read_events(
    connection: Connection, *, after: int | None, limit: int, kind: str | None = None
) -> list[dict[str, Any]]:
    """Give events in order, as the API shows them; without `after`, the newest `limit`."""
    query = select(event).limit(min(limit, MOST_EVENTS))
    if kind is not None:
        query = query.where(event.c.kind == kind)
    if after is None:
        rows = list(connection.execute(query.order_by(event.c.id.desc())))[::-1]
    else:
        rows = list(connection.execute(query.where(event.c.id > after).order_by(event.c.id)))
    return [
        {
            "id": row.id,
            "at": as_text(row.at),
            "kind": row.kind,
            "object": row.object,
            "text": row.text,
            "data": row.data,
            "generation": str(FleetNumber(row.era, row.generation)),
        }
        for row in rows
    ]
