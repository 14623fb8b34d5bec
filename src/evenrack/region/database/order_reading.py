"""Reads power orders as programs see them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from evenrack.model.moments import as_text, moment_from_text
from evenrack.model.power import Result, deed_from_text


def read_orders(
    connection: Connection,
    *,
    orders: Sequence[int] | None = None,
    machine: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Give orders as programs see them: these, or the newest, of one machine or of all."""
    rows = connection.execute(
        text(
            "SELECT o.*, b.name AS bmc, r.hostname AS rack, CAST(extract(epoch FROM "
            "coalesce(o.ended_at, clock_timestamp()) - o.at) AS float) AS seconds "
            "FROM power_order o JOIN bmc b ON b.id = o.bmc_id LEFT JOIN rack r ON r.id = o.rack_id "
            "WHERE (CAST(:orders AS bigint[]) IS NULL OR o.id = ANY(:orders)) "
            "AND (CAST(:machine AS text) IS NULL OR o.machine = :machine) "
            "ORDER BY o.id DESC LIMIT :limit"
        ),
        {"orders": None if orders is None else list(orders), "machine": machine, "limit": limit},
    )
    return [_order_form(row) for row in reversed(rows.all())]


def _order_form(row: Any) -> dict[str, Any]:
    action, boot = deed_from_text(row.action)
    return {
        "order": row.id,
        "machine": row.machine,
        "bmc": row.bmc,
        "action": action,
        "boot": boot,
        "who": row.who,
        "at": as_text(row.at),
        "attempt": row.attempt,
        "rack": row.rack,
        "phase": row.phase,
        "result": row.result,
        "state": row.state,
        "seconds": round(row.seconds, 3),
        "error": row.error or None,
        "ended": None if row.ended_at is None else as_text(row.ended_at),
        "cancelled_by": row.cancelled_by,
        "do": what_to_do(row.machine, row.result),
        "steps": [_step_form(step) for step in row.steps],
    }


def _step_form(step: Any) -> dict[str, Any]:
    at = as_text(moment_from_text(step["at"]))
    return {"at": at, "step": step["step"], "rack": step["rack"], "attempt": step["attempt"]}


def what_to_do(machine: str, result: Result | None) -> str | None:
    """Say what an operator is to do about an end that nobody knows."""
    if result != "unknown":
        return None
    return (
        "it may be done, or may still happen: look at the machine before you order anything "
        f"again: evenrack machine power query {machine} --wait"
    )
