"""The tables of what DHCP serves: VLANs with their subnets, ranges, reservations and snippets."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from evenrack.model.boot import BOOT_FILES
from evenrack.region.database.tables import fleet_number, metadata

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
    *fleet_number(),
    Column(
        "next_server",
        Text,
        comment="From whom boot files are fetched by TFTP: an address, or `rack` for the rack "
        "that answers.",
    ),
    *(Column(name, Text, nullable=False, server_default="") for name in BOOT_FILES),
    *(Column(name, Integer) for name in ("min_lease_seconds", "max_lease_seconds", "mtu")),
    Column(
        "relay_vlan",
        Integer,
        ForeignKey("vlan.id", name="vlan_relayed_by_one"),
        comment="The VLAN whose racks serve this one: it relays what the clients ask.",
    ),
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
    *fleet_number(),
    Column("search_domains", ARRAY(Text), nullable=False, server_default="{}"),
    Column("allow_unknown", Boolean, nullable=False, server_default=true()),
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
    *fleet_number(),
    Column(
        "reserved",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="Its addresses are never given to whoever asks.",
    ),
    Index("ip_range_of_subnet", "subnet_id"),
)

reservation = Table(
    "reservation",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("subnet_id", Integer, ForeignKey("subnet.id", ondelete="CASCADE"), nullable=False),
    Column("mac", Text),
    Column("address", Text, nullable=False),
    Column("hostname", Text, nullable=False),
    *fleet_number(),
    Column("other_macs", ARRAY(Text), nullable=False, server_default="{}"),
    Column("duid", Text, comment="What the machine calls itself in DHCPv6; none with a mac."),
    CheckConstraint("num_nonnulls(mac, duid) = 1", name="reservation_is_of_one"),
    Index("reservation_of_subnet", "subnet_id"),
)

snippet = Table(
    "snippet",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE")),
    Column("subnet_id", Integer, ForeignKey("subnet.id", ondelete="CASCADE")),
    Column("reservation_id", Integer, ForeignKey("reservation.id", ondelete="CASCADE")),
    Column("text", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    *fleet_number(),
    UniqueConstraint("name", name="snippet_name_once"),
    CheckConstraint(
        "(level = 'global') = (num_nonnulls(vlan_id, subnet_id, reservation_id) = 0) "
        "AND (level = 'vlan') = (vlan_id IS NOT NULL) "
        "AND (level IN ('subnet', 'pool')) = (subnet_id IS NOT NULL) "
        "AND (level = 'host') = (reservation_id IS NOT NULL)",
        name="snippet_is_of_one",
    ),
    Index("snippet_of_vlan", "vlan_id"),
    Index("snippet_of_subnet", "subnet_id"),
    Index("snippet_of_reservation", "reservation_id"),
    comment="Text of administrators, which stands in dhcpd.conf as it is.",
)
