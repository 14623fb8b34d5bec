"""Power orders step by step, who cancelled them, keys of requests, and what BMCs said last."""

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
    """
    CREATE TABLE bmc_state (
        bmc_id integer PRIMARY KEY REFERENCES bmc (id) ON DELETE CASCADE,
        state text NOT NULL DEFAULT 'unknown',
        seen_at timestamptz,
        seen_by text,
        error text NOT NULL DEFAULT '',
        failures integer NOT NULL DEFAULT 0,
        next_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX bmc_state_next ON bmc_state (next_at)",
    "COMMENT ON TABLE bmc_state IS 'What each BMC said of its machine: when, and which rack "
    "asked.'",
    """
    INSERT INTO bmc_state (bmc_id, state, seen_at, next_at)
    SELECT DISTINCT ON (bmc_id) bmc_id, state, ended_at, ended_at FROM power_order
    WHERE result IS NOT NULL AND state <> 'unknown' ORDER BY bmc_id, id DESC
    """,
    "UPDATE cluster SET schema_max = 19",
)


def upgrade() -> None:
    """Add columns and tables; processes of an older schema leave them as they are."""
    for statement in STATEMENTS:
        op.execute(statement)
