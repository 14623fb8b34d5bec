"""When each rack's turn was granted, and after whose."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    "ALTER TABLE rack_dhcp ADD COLUMN turn_at timestamptz, ADD COLUMN turn_after text",
    "COMMENT ON COLUMN rack_dhcp.turn_at IS 'When the last turn was granted, by this clock.'",
    "COMMENT ON COLUMN rack_dhcp.turn_after IS "
    "'The rack whose role it takes over in this turn: it is not told of the turn after that one "
    "has taken its role back, nor shortly before.'",
    "UPDATE cluster SET schema_max = 7",
)


def upgrade() -> None:
    """Add the columns; a program of an older schema knows of no turn that follows another."""
    for statement in STATEMENTS:
        op.execute(statement)
