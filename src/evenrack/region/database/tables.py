"""The tables as they are after the newest migration; a test holds both equal."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()


def created_at() -> Column[object]:
    """When the row was made: shown to people, never used in a decision."""
    return Column("at", DateTime(timezone=True), nullable=False, server_default=func.now())


def only_row(table: str) -> Column[int]:
    """Give the key of a table that has at most one row."""
    return Column(
        "id",
        Integer,
        CheckConstraint("id = 1", name=f"{table}_is_one"),
        primary_key=True,
        autoincrement=False,
    )


def fleet_number() -> tuple[Column[int], Column[int]]:
    """Give the columns of the fleet's number when the row last changed."""
    return (
        Column("era", BigInteger, nullable=False),
        Column("generation", BigInteger, nullable=False),
    )


def _trusts() -> Column[str]:
    """Whom it trusts: the fingerprint of a set of authorities."""
    return Column("trusts", Text, nullable=False, server_default="")


cluster = Table(
    "cluster",
    metadata,
    only_row("cluster"),
    Column("schema_min", Integer, nullable=False),
    Column("schema_max", Integer, nullable=False),
    Column("key_fingerprint", Text),
    Column("key_host", Text),
    comment="One row: which programs may use this database, and where its key was made.",
)

leadership = Table(
    "leadership",
    metadata,
    only_row("leadership"),
    Column("epoch", BigInteger, nullable=False),
    Column("era", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("database_identity", Text, nullable=False),
    Column("holder_id", Text),
    Column("holder_incarnation", BigInteger, nullable=False),
    Column("lock_backend", Integer, nullable=False),
    Column(
        "step_down_epoch",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="Whoever leads in this epoch is to give the seat to another.",
    ),
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
    _trusts(),
    Column(
        "leaving",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="The incarnation that is being stopped in order.",
    ),
    Column(
        "clock_ahead",
        Double,
        comment="Seconds by which its host's clock is ahead of this server's; negative: behind.",
    ),
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
    _trusts(),
    Column(
        "failure_domain",
        Text,
        nullable=False,
        server_default=text("''"),
        comment="What it fails together with, by its own configuration; empty: it fails alone.",
    ),
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

rack_interface = Table(
    "rack_interface",
    metadata,
    Column("rack_id", Text, ForeignKey("rack.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("name", Text, nullable=False),
    comment="The addresses (with prefix length) that each rack says it has, and on which "
    "interface.",
)

bmc = Table(
    "bmc",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("user", Text, nullable=False),
    Column("password", LargeBinary, nullable=False),
    Column("cipher_suite", Integer),
    *fleet_number(),
    Column(
        "privilege",
        Text,
        nullable=False,
        server_default="operator",
        comment="What is asked of the BMC for a session: user, operator or administrator.",
    ),
    Column(
        "boot_type",
        Text,
        nullable=False,
        server_default="uefi",
        comment="The firmware for which a boot device is set: uefi or legacy.",
    ),
    Column(
        "k_g",
        LargeBinary,
        comment="The key of the BMC, sealed with a key of the key file; null for none.",
    ),
    Column(
        "login",
        Text,
        nullable=False,
        server_default="session",
        comment="How a Redfish service is told who asks: session or basic.",
    ),
    Column("system", Text, comment="Which system of a Redfish service; null for the only one."),
    Column(
        "certificate_sha256",
        Text,
        comment="The fingerprint of its certificate; null where an authority has signed that.",
    ),
    Column(
        "certificate_name",
        Text,
        comment="The name in a certificate that an authority has signed; null for the address.",
    ),
    UniqueConstraint("name", name="bmc_name_once"),
    UniqueConstraint("address", "port", name="bmc_address_once"),
    comment="What switches machines; passwords and keys are sealed with a key of the key file.",
)

machine = Table(
    "machine",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("bmc_id", Integer, ForeignKey("bmc.id"), nullable=False),
    *fleet_number(),
    UniqueConstraint("name", name="machine_name_once"),
    UniqueConstraint("bmc_id", name="machine_bmc_once"),
)

bmc_reach = Table(
    "bmc_reach",
    metadata,
    Column("bmc_id", Integer, ForeignKey("bmc.id", ondelete="CASCADE"), primary_key=True),
    Column("rack_id", Text, ForeignKey("rack.id", ondelete="CASCADE"), primary_key=True),
    comment="Which racks say that a BMC answers them.",
)

bmc_owner = Table(
    "bmc_owner",
    metadata,
    Column("bmc_id", Integer, ForeignKey("bmc.id", ondelete="CASCADE"), primary_key=True),
    Column("rack_id", Text, ForeignKey("rack.id"), nullable=False),
    *fleet_number(),
)

power_order = Table(
    "power_order",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("bmc_id", Integer, ForeignKey("bmc.id", ondelete="CASCADE"), nullable=False),
    Column("machine", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("rack_id", Text, ForeignKey("rack.id")),
    Column("tried", ARRAY(Text), nullable=False),
    Column("phase", Text, nullable=False),
    Column("who", Text, nullable=False),
    created_at(),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("result", Text),
    Column("state", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column(
        "steps",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="What happened to it, each with its time, rack and attempt.",
    ),
    Column("cancelled_by", Text, comment="Who wants nothing more of it to be sent."),
    Index(
        "power_order_one_for_each_bmc",
        "bmc_id",
        unique=True,
        postgresql_where=text("result IS NULL"),
    ),
    comment="What operators ordered of machines, how far it got, and how it ended.",
)

bmc_state = Table(
    "bmc_state",
    metadata,
    Column("bmc_id", Integer, ForeignKey("bmc.id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, nullable=False, server_default="unknown"),
    Column("seen_at", DateTime(timezone=True)),
    Column("seen_by", Text),
    Column("error", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Index("bmc_state_next", "next_at"),
    comment="What each BMC said of its machine: when, and which rack asked.",
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("who", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("orders", ARRAY(BigInteger), nullable=False, server_default="{}"),
    created_at(),
    Column(
        "answer",
        Text,
        comment="Status, headers and body, in JSON; null where it held a secret.",
    ),
    Index("idempotency_key_at", "at"),
    comment="Requests that were done, by the key that each came with: who repeats one gets the "
    "same answer.",
)

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    created_at(),
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
    created_at(),
    Column("affects", Text, nullable=False),
    comment="Open problems with when they began; the leader opens and closes them.",
)
