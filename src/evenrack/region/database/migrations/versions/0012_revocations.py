"""Since when a rack is revoked: links outlive the certificates that they were made with."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    "CREATE TABLE rack_revoked (rack_id text PRIMARY KEY, revoked_at timestamptz NOT NULL)",
    "COMMENT ON TABLE rack_revoked IS "
    "'Racks that were revoked or deleted: what was issued to them before that is worth nothing.'",
    "INSERT INTO rack_revoked SELECT rack_id, max(revoked_at) FROM certificate "
    "WHERE rack_id IS NOT NULL AND revoked_at IS NOT NULL GROUP BY rack_id",
    "UPDATE cluster SET schema_max = 12",
)


def upgrade() -> None:
    """Add the table, with what is known; a program of an older schema goes by serial numbers."""
    for statement in STATEMENTS:
        op.execute(statement)
