"""Power orders as tables. Pure."""

from collections.abc import Sequence
from typing import Any

from evenrack.cli.show import Table


def orders_table(orders: Sequence[dict[str, Any]]) -> Table:
    """List orders: what was ordered, who does it, how far it is, how it ended."""
    return Table(
        title="",
        columns=(
            *("order", "machine", "action", "who", "at", "rack", "attempt", "phase", "result"),
            *("state", "seconds", "error", "do"),
        ),
        rows=[
            (
                row["order"],
                row["machine"],
                _deed(row),
                row["who"],
                row["at"],
                row["rack"] or "-",
                row["attempt"],
                row["phase"],
                row["result"] or "under way",
                row["state"],
                f"{row['seconds']:.1f}",
                row["error"] or "-",
                row["do"] or "-",
            )
            for row in orders
        ],
        when_empty="no orders yet",
    )


def _deed(row: dict[str, Any]) -> str:
    """Say what was ordered; a region of an older version tells of no boot device."""
    boot = row.get("boot")
    return str(row["action"]) if boot is None else f"{row['action']} from {boot}"


def outcomes_table(outcomes: Sequence[dict[str, Any]]) -> Table:
    """List how orders ended, machine by machine."""
    return Table(
        title="",
        columns=("machine", "order", "action", "result", "state", "rack", "seconds", "error"),
        rows=[
            (
                row["machine"],
                row["order"],
                _deed(row),
                row["result"] or "under way",
                row["state"],
                row["rack"] or "-",
                f"{row['seconds']:.1f}",
                row["error"] or "-",
            )
            for row in outcomes
        ],
    )
