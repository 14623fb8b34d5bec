"""What machines boot, and more of what clients are told."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    """
    ALTER TABLE vlan
        ADD COLUMN next_server text,
        ADD COLUMN boot_bios text NOT NULL DEFAULT '',
        ADD COLUMN boot_uefi_x64 text NOT NULL DEFAULT '',
        ADD COLUMN boot_uefi_arm64 text NOT NULL DEFAULT '',
        ADD COLUMN boot_http_x64 text NOT NULL DEFAULT '',
        ADD COLUMN boot_http_arm64 text NOT NULL DEFAULT '',
        ADD COLUMN boot_ipxe text NOT NULL DEFAULT '',
        ADD COLUMN min_lease_seconds integer,
        ADD COLUMN max_lease_seconds integer,
        ADD COLUMN mtu integer
    """,
    """
    ALTER TABLE subnet
        ADD COLUMN search_domains text[] NOT NULL DEFAULT '{}',
        ADD COLUMN allow_unknown boolean NOT NULL DEFAULT true
    """,
    "ALTER TABLE ip_range ADD COLUMN reserved boolean NOT NULL DEFAULT false",
    "COMMENT ON COLUMN ip_range.reserved IS 'Its addresses are never given to whoever asks.'",
    "ALTER TABLE reservation ADD COLUMN other_macs text[] NOT NULL DEFAULT '{}'",
    "COMMENT ON COLUMN vlan.next_server IS "
    "'From whom boot files are fetched by TFTP: an address, or `rack` for the rack that answers.'",
    "UPDATE cluster SET schema_max = 10",
)


def upgrade() -> None:
    """Add the columns; a program of an older schema makes and serves what has none of it."""
    for statement in STATEMENTS:
        op.execute(statement)
