"""Rows of holds, drains and the circuit breaker.

Moments are the database's: the clock of no other host decides when a hold or a drain is over.
"""

from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, text

from evenrack.model.identifiers import ProcessId, RackId, VlanId
from evenrack.model.intents import Breaker, Drain, DrainKind, Hold, Succession

FORGOTTEN_HOURS = 24
"""A drain without a deadline that goes on for longer has been forgotten."""


@frozen(kw_only=True)
class Wish:
    """What an operator said: who, why, and for how long."""

    who: str
    message: str
    seconds: int | None = None
    """From now on; None for as long as nothing else is said."""


def read_hold(connection: Connection) -> Hold | None:
    """Give the hold; None when there is none or its time is over."""
    row = connection.execute(
        text(
            "SELECT reason, who, at, until FROM balance_hold "
            "WHERE until IS NULL OR until > clock_timestamp()"
        )
    ).one_or_none()
    if row is None:
        return None
    return Hold(reason=row.reason, who=row.who, since=row.at, until=row.until)


def write_hold(connection: Connection, wish: Wish) -> None:
    """Hold from now on, instead of any hold before."""
    connection.execute(
        text(
            "INSERT INTO balance_hold (id, at, reason, who, until) VALUES (1, clock_timestamp(), "
            ":reason, :who, clock_timestamp() + make_interval(secs => :seconds)) "
            "ON CONFLICT (id) DO UPDATE SET at = excluded.at, reason = excluded.reason, "
            "who = excluded.who, until = excluded.until"
        ),
        {"reason": wish.message, "who": wish.who, "seconds": wish.seconds},
    )


def delete_hold(connection: Connection) -> None:
    """Hold no more."""
    connection.execute(text("DELETE FROM balance_hold"))


def read_drains(connection: Connection) -> tuple[Drain, ...]:
    """Give what is drained, in the order of kind and id."""
    rows = connection.execute(
        text(
            "SELECT kind, id, message, who, at, deadline, "
            "coalesce(deadline, at + make_interval(hours => :hours)) <= clock_timestamp() "
            "AS overdue, successor, primary_of, secondary_of FROM drain ORDER BY kind, id"
        ),
        {"hours": FORGOTTEN_HOURS},
    )
    return tuple(
        Drain(
            kind=row.kind,
            id=row.id,
            message=row.message,
            who=row.who,
            since=row.at,
            deadline=row.deadline,
            overdue=row.overdue,
            succession=_succession(row),
        )
        for row in rows
    )


def _succession(row: Row[Any]) -> Succession | None:
    if row.successor is None:
        return None
    return Succession(
        rack=RackId(row.successor),
        primary_of=frozenset(map(VlanId, row.primary_of)),
        secondary_of=frozenset(map(VlanId, row.secondary_of)),
    )


def write_drain(connection: Connection, kind: DrainKind, drained: str, wish: Wish) -> None:
    """Drain from now on; what drains already goes on since when it did, with what is new."""
    connection.execute(
        text(
            "INSERT INTO drain (kind, id, at, message, who, deadline) VALUES (:kind, :id, "
            "clock_timestamp(), :message, :who, "
            "clock_timestamp() + make_interval(secs => :seconds)) "
            "ON CONFLICT (kind, id) DO UPDATE SET message = excluded.message, "
            "who = excluded.who, deadline = excluded.deadline"
        ),
        {
            "kind": kind,
            "id": drained,
            "message": wish.message,
            "who": wish.who,
            "seconds": wish.seconds,
        },
    )


def write_succession(connection: Connection, drained: RackId, to: Succession) -> None:
    """Let another rack take the places of one that drains already."""
    connection.execute(
        text(
            "UPDATE drain SET successor = :successor, primary_of = CAST(:primary_of AS integer[]), "
            "secondary_of = CAST(:secondary_of AS integer[]) WHERE kind = 'rack' AND id = :id"
        ),
        {
            "id": drained,
            "successor": to.rack,
            "primary_of": sorted(to.primary_of),
            "secondary_of": sorted(to.secondary_of),
        },
    )


def delete_drain(connection: Connection, kind: DrainKind, drained: str) -> bool:
    """Drain it no more; False when it was not drained."""
    gone = connection.execute(
        text("DELETE FROM drain WHERE kind = :kind AND id = :id RETURNING 1"),
        {"kind": kind, "id": drained},
    ).one_or_none()
    return gone is not None


def read_breaker(connection: Connection) -> Breaker | None:
    """Give the circuit breaker; None when it is not tripped."""
    row = connection.execute(
        text("SELECT at, why, racks, processes, released FROM circuit_breaker")
    ).one_or_none()
    if row is None:
        return None
    return Breaker(
        why=row.why,
        racks=frozenset(RackId(rack) for rack in row.racks),
        processes=frozenset(ProcessId(process) for process in row.processes),
        released=row.released,
        since=row.at,
    )


def write_breaker(connection: Connection, breaker: Breaker | None, *, trips: bool) -> None:
    """Record the breaker as it is now; None ends it.

    Unless it `trips`, it stays released if the operator has released it since it was read.
    """
    if breaker is None:
        connection.execute(text("DELETE FROM circuit_breaker"))
        return
    connection.execute(
        text(
            "INSERT INTO circuit_breaker (id, at, why, racks, processes) VALUES (1, "
            "clock_timestamp(), :why, CAST(:racks AS text[]), CAST(:processes AS text[])) "
            "ON CONFLICT (id) DO UPDATE SET why = excluded.why, racks = excluded.racks, "
            "processes = excluded.processes, "
            "at = CASE WHEN :trips THEN excluded.at ELSE circuit_breaker.at END, "
            "released = circuit_breaker.released AND NOT :trips"
        ),
        {
            "why": breaker.why,
            "racks": sorted(breaker.racks),
            "processes": sorted(breaker.processes),
            "trips": trips,
        },
    )


def release_breaker(connection: Connection) -> bool:
    """Let the breaker hold nothing up any more; False when it holds nothing."""
    released = connection.execute(
        text("UPDATE circuit_breaker SET released = true WHERE NOT released RETURNING 1")
    ).one_or_none()
    return released is not None
