"""What became of power orders step by step, who cancelled them, and keys that repeat requests."""

from alembic import op

revision = "0019"
down_revision = "0018"

STATEMENTS = (
    """
    ALTER TABLE power_order
        ADD COLUMN steps jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN cancelled_by text
    """,
    "COMMENT ON COLUMN power_order.steps IS 'What happened to it, each with its time, rack and "
    "attempt.'",
    "COMMENT ON COLUMN power_order.cancelled_by IS 'Who wants nothing more of it to be sent.'",
    """
    CREATE TABLE idempotency_key (
        who text NOT NULL,
        key text NOT NULL,
        request text NOT NULL,
        orders bigint[] NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (who, key)
    )
    """,
    "CREATE INDEX idempotency_key_at ON idempotency_key (at)",
    "COMMENT ON TABLE idempotency_key IS 'Requests for power orders that were done, by the key "
    "that each came with: who repeats one gets the same orders.'",
    "UPDATE cluster SET schema_max = 19",
)


def upgrade() -> None:
    """Add the columns and the table; processes of an older schema leave them as they are."""
    for statement in STATEMENTS:
        op.execute(statement)
