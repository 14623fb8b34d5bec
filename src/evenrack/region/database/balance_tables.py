"""The tables of what operators want of the balance, and of the circuit breaker."""

from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from evenrack.region.database.tables import created_at, metadata, only_row


def _vlans(name: str, comment: str) -> Column[Any]:
    return Column(
        name, ARRAY(Integer), nullable=False, server_default=text("'{}'"), comment=comment
    )


balance_hold = Table(
    "balance_hold",
    metadata,
    only_row("balance_hold"),
    created_at(),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("until", DateTime(timezone=True)),
    comment="One row while an operator wants no voluntary move; over at `until`, if it has one.",
)

drain = Table(
    "drain",
    metadata,
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('rack', 'process', 'region')", name="drain_kind"),
        primary_key=True,
    ),
    Column("id", Text, primary_key=True),
    created_at(),
    Column("message", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("deadline", DateTime(timezone=True)),
    Column("successor", Text, comment="The rack that takes the places of a drained one."),
    _vlans("primary_of", "VLANs of which the successor is to be the primary."),
    _vlans("secondary_of", "VLANs of which it is to be the secondary."),
    CheckConstraint("successor IS NULL OR kind = 'rack'", name="drain_successor_of_rack"),
    comment="What operators want to have nothing to do: it gets nothing, and what it has moves "
    "away.",
)

circuit_breaker = Table(
    "circuit_breaker",
    metadata,
    only_row("circuit_breaker"),
    created_at(),
    Column("why", Text, nullable=False),
    Column("racks", ARRAY(Text), nullable=False),
    Column("processes", ARRAY(Text), nullable=False),
    Column("released", Boolean, nullable=False, server_default=text("false")),
    comment="One row from many losses at once until they are over, with who was lost.",
)
