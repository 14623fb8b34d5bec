"""The tables as they are after the newest migration; a test holds both equal."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()


def _now() -> Column[object]:
    """When the row was made: shown to people, never used in a decision."""
    return Column("at", DateTime(timezone=True), nullable=False, server_default=func.now())


cluster = Table(
    "cluster",
    metadata,
    Column(
        "id",
        Integer,
        CheckConstraint("id = 1", name="cluster_is_one"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("schema_min", Integer, nullable=False),
    Column("schema_max", Integer, nullable=False),
    Column("secret_fingerprint", Text),
    Column("secret_host", Text),
    comment="One row: which programs may use this database, and where the secret was made.",
)

leadership = Table(
    "leadership",
    metadata,
    Column(
        "id",
        Integer,
        CheckConstraint("id = 1", name="leadership_is_one"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("epoch", BigInteger, nullable=False),
    Column("era", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("database_identity", Text, nullable=False),
    Column("holder_id", Text),
    Column("holder_incarnation", BigInteger, nullable=False),
    Column("lock_backend", Integer, nullable=False),
    comment="One row: the fence of the leader and the number of the fleet.",
)

region = Table(
    "region",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
)

process = Table(
    "process",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region_id", Text, ForeignKey("region.id"), nullable=False),
    Column("incarnation", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("addresses", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state in ('running', 'dead', 'off')", name="process_state_known"),
)

rack = Table(
    "rack",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Column("holds_era", BigInteger, nullable=False),
    Column("holds_generation", BigInteger, nullable=False),
    Column("holds_fingerprint", Text, nullable=False),
    Column("clone_address", Text),
    Column("clone_at", DateTime(timezone=True)),
)

connection = Table(
    "connection",
    metadata,
    Column("link", Text, primary_key=True),
    Column("process_id", Text, ForeignKey("process.id"), nullable=False),
    Column("incarnation", BigInteger, nullable=False),
    Column("rack_id", Text, ForeignKey("rack.id"), nullable=False),
    Column("run", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("rack_holds", Boolean, nullable=False, server_default=text("true")),
    Index("connection_of_process", "process_id"),
    Index("connection_of_rack", "rack_id"),
    comment="One row for each live socket between a rack and a region process.",
)

managing = Table(
    "managing",
    metadata,
    Column("rack_id", Text, ForeignKey("rack.id"), primary_key=True),
    Column("process_id", Text, ForeignKey("process.id"), nullable=False),
    Column("era", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Index("managing_of_process", "process_id"),
)

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _now(),
    Column("kind", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("era", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Index("event_of_kind", "kind", "id"),
)

problem = Table(
    "problem",
    metadata,
    Column("code", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    _now(),
    Column("affects", Text, nullable=False),
    comment="Open problems with when they began; the leader opens and closes them.",
)
