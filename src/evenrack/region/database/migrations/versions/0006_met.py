"""Whether the two DHCP servers of a VLAN have ever been `normal` together."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    "ALTER TABLE dhcp_service ADD COLUMN met boolean NOT NULL DEFAULT true",
    "COMMENT ON COLUMN dhcp_service.met IS "
    "'Both servers have been normal together, or may have: then each has every lease.'",
    "UPDATE cluster SET schema_max = 6",
)


def upgrade() -> None:
    """Add the column; a program of an older schema takes every pair for one that has met."""
    for statement in STATEMENTS:
        op.execute(statement)
