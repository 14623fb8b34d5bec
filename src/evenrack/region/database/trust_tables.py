"""The tables of trust: authorities, certificates, enrolments, tokens, the audit log."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from evenrack.region.database.tables import created_at, metadata

authority = Table(
    "authority",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    created_at(),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('next', 'active', 'retiring')", name="authority_state"),
        nullable=False,
    ),
    Column("certificate", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Index(
        "authority_one_signs",
        "state",
        unique=True,
        postgresql_where=text("state = 'active'"),
    ),
    comment="Who is trusted to sign certificates; the active one signs. Keys are sealed.",
)

certificate = Table(
    "certificate",
    metadata,
    Column("serial", Text, primary_key=True),
    created_at(),
    Column("rack_id", Text),
    Column("region", Text),
    Column("authority_id", Integer, nullable=False),
    Column("not_after", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    CheckConstraint("(rack_id IS NULL) <> (region IS NULL)", name="certificate_of_one"),
    Index("certificate_of_rack", "rack_id"),
    Index("certificate_revoked", "not_after", postgresql_where=text("revoked_at IS NOT NULL")),
    comment="Every certificate that was issued; a revoked one is refused at the handshake.",
)

rack_revoked = Table(
    "rack_revoked",
    metadata,
    Column("rack_id", Text, primary_key=True),
    Column("revoked_at", DateTime(timezone=True), nullable=False),
    comment="Racks that were revoked or deleted: what was issued to them before that is worth "
    "nothing.",
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    created_at(),
    Column("who", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("lookup", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("rack_id", Text),
    Column(
        "uses_left",
        Integer,
        CheckConstraint("uses_left >= 0", name="enrolment_uses"),
        nullable=False,
    ),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    UniqueConstraint("name", name="enrolment_name_key"),
    UniqueConstraint("lookup", name="enrolment_lookup_key"),
    comment="Secrets by which new racks join, each limited in time and count. Sealed.",
)

token = Table(
    "token",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    created_at(),
    Column("who", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column(
        "role",
        Text,
        CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="token_role"),
        nullable=False,
    ),
    Column("hash", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    UniqueConstraint("name", name="token_name_key"),
    UniqueConstraint("hash", name="token_hash_key"),
    comment="Who may ask over HTTP, and how much; only hashes are kept.",
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    created_at(),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("deed", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("data", JSONB, nullable=False),
    comment="Every change that was asked for: by whom, from where, what of it.",
)
