"""Tokens as a table, and rows of the audit log as lines. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from evenrack.cli.show import Table


def tokens_table(tokens: Sequence[dict[str, Any]]) -> Table:
    """List tokens: who they are for, what they may do, and how long."""
    columns = ("name", "role", "state", "created_by", "created_at", "expires_at")
    return Table(
        title="",
        columns=[column.replace("_", " ") for column in columns],
        rows=[[row[column] for column in columns] for row in tokens],
        when_empty="no tokens yet",
    )


def audit_text(row: dict[str, Any]) -> str:
    """Write one row of the audit log as one line."""
    what = json.dumps(row["data"]) if row["data"] else ""
    who = f"{row['who']} ({row['role']})"
    line = f"{row['at']}  {row['status']}  {who}  {row['source']}  {row['deed']}  {what}"
    return line.rstrip()
