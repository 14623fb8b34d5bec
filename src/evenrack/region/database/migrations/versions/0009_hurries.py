"""Which VLANs' changes are not to wait for a rack that is away."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    "ALTER TABLE dhcp_service ADD COLUMN hurries boolean NOT NULL DEFAULT false",
    "COMMENT ON COLUMN dhcp_service.hurries IS "
    "'An operator said that its change is not to wait for a rack that is away.'",
    "UPDATE cluster SET schema_max = 9",
)


def upgrade() -> None:
    """Add the column; a program of an older schema lets every change wait."""
    for statement in STATEMENTS:
        op.execute(statement)
