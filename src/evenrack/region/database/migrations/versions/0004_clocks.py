"""How far the clock of each region process's host is from the database's."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE process ADD COLUMN clock_ahead double precision",
    "COMMENT ON COLUMN process.clock_ahead IS "
    "'Seconds by which its host''s clock is ahead of this server''s; negative: behind.'",
    "UPDATE cluster SET schema_max = 4",
)


def upgrade() -> None:
    """Add the column; programs of the schemas before go on: they leave it as it is."""
    for statement in STATEMENTS:
        op.execute(statement)
