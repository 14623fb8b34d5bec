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
    false,
    func,
    text,
    true,
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


def _number() -> tuple[Column[int], Column[int]]:
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

vlan = Table(
    "vlan",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("fabric", Text, nullable=False),
    Column("vid", Integer),
    Column("dhcp_on", Boolean, nullable=False),
    Column("lease_seconds", Integer, nullable=False),
    Column("max_response_delay", Integer, nullable=False),
    Column("mclt", Integer, nullable=False),
    Column("split", Integer, nullable=False),
    *_number(),
    UniqueConstraint("name", name="vlan_name_once"),
    UniqueConstraint("fabric", "vid", name="vlan_vid_once"),
)

subnet = Table(
    "subnet",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), nullable=False),
    Column("cidr", Text, nullable=False),
    Column("gateway", Text),
    Column("dns_servers", ARRAY(Text), nullable=False),
    Column("ntp_servers", ARRAY(Text), nullable=False),
    Column("domain", Text, nullable=False),
    *_number(),
    UniqueConstraint("cidr", name="subnet_cidr_once"),
    Index("subnet_of_vlan", "vlan_id"),
)

ip_range = Table(
    "ip_range",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("subnet_id", Integer, ForeignKey("subnet.id", ondelete="CASCADE"), nullable=False),
    Column("first", Text, nullable=False),
    Column("last", Text, nullable=False),
    *_number(),
    Index("ip_range_of_subnet", "subnet_id"),
)

reservation = Table(
    "reservation",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("subnet_id", Integer, ForeignKey("subnet.id", ondelete="CASCADE"), nullable=False),
    Column("mac", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("hostname", Text, nullable=False),
    *_number(),
    Index("reservation_of_subnet", "subnet_id"),
)

dhcp_pair = Table(
    "dhcp_pair",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("primary_rack", Text, ForeignKey("rack.id"), nullable=False),
    Column("secondary_rack", Text, ForeignKey("rack.id")),
    *_number(),
    comment="Designations: which two racks are to serve a VLAN. The files follow, see "
    "dhcp_service.",
)

dhcp_service = Table(
    "dhcp_service",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("primary_rack", Text, ForeignKey("rack.id"), nullable=False),
    Column("primary_address", Text, nullable=False),
    Column("secondary_rack", Text, ForeignKey("rack.id")),
    Column("secondary_address", Text),
    *_number(),
    Column(
        "met",
        Boolean,
        nullable=False,
        server_default=true(),
        comment="Both servers have been normal together, or may have: then each has every lease.",
    ),
    Column(
        "hurries",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="An operator said that its change is not to wait for a rack that is away.",
    ),
    comment="Who has a VLAN in the configuration file, with the number of its last change.",
)

rack_dhcp = Table(
    "rack_dhcp",
    metadata,
    Column("rack_id", Text, ForeignKey("rack.id", ondelete="CASCADE"), primary_key=True),
    Column("report", JSONB, nullable=False),
    Column("turn", Text, nullable=False),
    Column(
        "turn_at",
        DateTime(timezone=True),
        comment="When the last turn was granted, by this clock.",
    ),
    Column(
        "turn_after",
        Text,
        comment="The rack whose role it takes over in this turn: it is not told of the turn after "
        "that one has taken its role back, nor shortly before.",
    ),
    comment="What each rack says of its DHCP server, and the plan for which it has the turn to "
    "restart.",
)

dhcp_partner_down = Table(
    "dhcp_partner_down",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("survivor_rack", Text, ForeignKey("rack.id", ondelete="CASCADE"), nullable=False),
    Column("dead_rack", Text, ForeignKey("rack.id", ondelete="CASCADE"), nullable=False),
    Column("who", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("taken_at", DateTime(timezone=True)),
    Column("usable_at", DateTime(timezone=True)),
    Column("refused", Text, nullable=False, server_default=""),
    comment="The word that the DHCP server of one rack of a pair is dead for good, until both are "
    "normal again.",
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
    *_number(),
    UniqueConstraint("name", name="bmc_name_once"),
    UniqueConstraint("address", "port", name="bmc_address_once"),
    comment="What switches machines; passwords are sealed with a key of the key file.",
)

machine = Table(
    "machine",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("bmc_id", Integer, ForeignKey("bmc.id"), nullable=False),
    *_number(),
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
    *_number(),
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
    Index(
        "power_order_one_for_each_bmc",
        "bmc_id",
        unique=True,
        postgresql_where=text("result IS NULL"),
    ),
    comment="What operators ordered of machines, how far it got, and how it ended.",
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
