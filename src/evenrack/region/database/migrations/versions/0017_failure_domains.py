"""What racks fail together with, and which rack takes the places of one that is replaced."""

from alembic import op

revision = "0017"
down_revision = "0016"

STATEMENTS = (
    "ALTER TABLE rack ADD COLUMN failure_domain text NOT NULL DEFAULT ''",
    "COMMENT ON COLUMN rack.failure_domain IS 'What it fails together with, by its own "
    "configuration; empty: it fails alone.'",
    """
    ALTER TABLE drain
        ADD COLUMN successor text,
        ADD COLUMN primary_of integer[] NOT NULL DEFAULT '{}',
        ADD COLUMN secondary_of integer[] NOT NULL DEFAULT '{}',
        ADD CONSTRAINT drain_successor_of_rack CHECK (successor IS NULL OR kind = 'rack')
    """,
    "COMMENT ON COLUMN drain.successor IS 'The rack that takes the places of a drained one.'",
    "COMMENT ON COLUMN drain.primary_of IS 'VLANs of which the successor is to be the primary.'",
    "COMMENT ON COLUMN drain.secondary_of IS 'VLANs of which it is to be the secondary.'",
    "UPDATE cluster SET schema_max = 17",
)


def upgrade() -> None:
    """Add the columns; a leader of an older schema knows neither domains nor successors."""
    for statement in STATEMENTS:
        op.execute(statement)
