"""The tables of who serves which VLAN, and of what racks say of their DHCP servers."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    Table,
    Text,
    false,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from evenrack.region.database.tables import fleet_number, metadata

dhcp_pair = Table(
    "dhcp_pair",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("primary_rack", Text, ForeignKey("rack.id"), nullable=False),
    Column("secondary_rack", Text, ForeignKey("rack.id")),
    *fleet_number(),
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
    *fleet_number(),
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
    Column(
        "leaving_rack",
        Text,
        ForeignKey("rack.id", ondelete="SET NULL"),
        comment="The one of the two that is to stop serving it, before another takes its place.",
    ),
    Column(
        "lower_rack",
        Text,
        comment="Who gives away the lower half of each IPv6 range, also after it was deleted; none "
        "where one rack ever had all of it.",
    ),
    Column(
        "held_rack",
        Text,
        comment="Of a pair: who has a half that another rack gave away before. Of one that is "
        "alone: who had the other half.",
    ),
    comment="Who has a VLAN in the configuration file, with the number of its last change.",
)

dhcp_relayed = Table(
    "dhcp_relayed",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("by_vlan", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), nullable=False),
    comment="Which VLANs stand in the files of the servers of another one. They follow "
    "vlan.relay_vlan when nobody else serves them any more.",
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
    Column(
        "by_evidence",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="The leader said so, by what racks found out: it is over as soon as that is not so "
        "any more, unless it was taken.",
    ),
    comment="The word that the DHCP server of one rack of a pair is dead for good, until both are "
    "normal again.",
)

dhcp_probe = Table(
    "dhcp_probe",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("asked_rack", Text, ForeignKey("rack.id", ondelete="CASCADE"), primary_key=True),
    Column("target_rack", Text, ForeignKey("rack.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, nullable=False),
    Column("found", Text),
    Column("why", Text, nullable=False, server_default=""),
    Column("answered_at", DateTime(timezone=True)),
    CheckConstraint("(found IS NULL) = (answered_at IS NULL)", name="dhcp_probe_is_answered"),
    comment="Which racks are to find out whether the host of a DHCP server runs, and what each "
    "found last.",
)

dhcp_pin = Table(
    "dhcp_pin",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("primary_rack", Text, ForeignKey("rack.id", ondelete="SET NULL")),
    Column("secondary_rack", Text, ForeignKey("rack.id", ondelete="SET NULL")),
    comment="The racks that an operator named for the roles of a VLAN: each has its role whenever "
    "it can.",
)

rack_interface_vlan = Table(
    "rack_interface_vlan",
    metadata,
    Column("rack_id", Text, ForeignKey("rack.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE")),
    comment="The VLAN that an operator says an interface is on; null: on none. Of other "
    "interfaces their addresses say it.",
)

dhcp_served = Table(
    "dhcp_served",
    metadata,
    Column("vlan_id", Integer, ForeignKey("vlan.id", ondelete="CASCADE"), primary_key=True),
    Column("rack_id", Text, ForeignKey("rack.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "left_at",
        DateTime(timezone=True),
        comment="When it had stopped, by its own word; none while it serves, or may.",
    ),
    comment="Which racks ever gave away addresses of a VLAN.",
)
