"""What operators want of the balance: holds and drains; the circuit breaker; leaving in order."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    CREATE TABLE balance_hold (
        id integer PRIMARY KEY CONSTRAINT balance_hold_is_one CHECK (id = 1),
        at timestamptz NOT NULL DEFAULT now(),
        reason text NOT NULL,
        who text NOT NULL,
        until timestamptz
    )
    """,
    "COMMENT ON TABLE balance_hold IS "
    "'One row while an operator wants no voluntary move; over at `until`, if it has one.'",
    """
    CREATE TABLE drain (
        kind text NOT NULL
            CONSTRAINT drain_kind CHECK (kind IN ('rack', 'process', 'region')),
        id text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        message text NOT NULL,
        who text NOT NULL,
        deadline timestamptz,
        PRIMARY KEY (kind, id)
    )
    """,
    "COMMENT ON TABLE drain IS "
    "'What operators want to have nothing to do: it gets nothing, and what it has moves away.'",
    """
    CREATE TABLE circuit_breaker (
        id integer PRIMARY KEY CONSTRAINT circuit_breaker_is_one CHECK (id = 1),
        at timestamptz NOT NULL DEFAULT now(),
        why text NOT NULL,
        racks text[] NOT NULL,
        processes text[] NOT NULL,
        released boolean NOT NULL DEFAULT false
    )
    """,
    "COMMENT ON TABLE circuit_breaker IS "
    "'One row from many losses at once until they are over, with who was lost.'",
    "ALTER TABLE process ADD COLUMN leaving bigint NOT NULL DEFAULT 0",
    "COMMENT ON COLUMN process.leaving IS 'The incarnation that is being stopped in order.'",
    "ALTER TABLE leadership ADD COLUMN step_down_epoch bigint NOT NULL DEFAULT 0",
    "COMMENT ON COLUMN leadership.step_down_epoch IS "
    "'Whoever leads in this epoch is to give the seat to another.'",
    "UPDATE cluster SET schema_max = 3",
)


def upgrade() -> None:
    """Make the tables; programs of schema 2 go on: they only do not heed what is in them."""
    for statement in STATEMENTS:
        op.execute(statement)
