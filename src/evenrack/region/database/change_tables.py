"""The tables of what has changed, so that a reading of the fleet costs only that."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    text,
)

from evenrack.region.database.tables import metadata

change = Table(
    "change",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column(
        "xid",
        BigInteger,
        nullable=False,
        server_default=text("((pg_current_xact_id())::text)::bigint"),
    ),
    Index("change_of_transaction", "xid"),
    comment="Which row (by its key) of which table (its subject) changed in which transaction; "
    "written by triggers.",
)

change_pruned = Table(
    "change_pruned",
    metadata,
    Column(
        "id",
        Integer,
        CheckConstraint("id = 1", name="change_pruned_is_one"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("below", BigInteger, nullable=False),
    comment="One row: of transactions below this one, changes are not kept any more.",
)
