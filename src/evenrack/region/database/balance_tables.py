"""The tables of what operators want of the balance, and of the circuit breaker."""

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from evenrack.region.database.tables import created_at, metadata, only_row

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
