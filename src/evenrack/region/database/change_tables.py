"""The tables of what has changed, so that a reading of the fleet costs only that."""

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Table,
    Text,
    text,
)

from evenrack.region.database.tables import metadata, only_row

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
    only_row("change_pruned"),
    Column("below", BigInteger, nullable=False),
    comment="One row: of transactions below this one, changes are not kept any more.",
)
