"""Answers to requests that came with a key: every change may have one, not only orders."""

from alembic import op

revision = "0023"
down_revision = "0022"

STATEMENTS = (
    """
    ALTER TABLE idempotency_key
        ALTER COLUMN orders SET DEFAULT '{}',
        ADD COLUMN answer text
    """,
    "COMMENT ON COLUMN idempotency_key.answer IS 'Status, headers and body, in JSON; null where it "
    "held a secret.'",
    "COMMENT ON TABLE idempotency_key IS 'Requests that were done, by the key that each came with: "
    "who repeats one gets the same answer.'",
    "UPDATE cluster SET schema_max = 23",
)


def upgrade() -> None:
    """Add the column, to the table that processes of an older schema know.

    With another table a key would count twice while both run. They write requests in another way,
    so an order that was done by the one and is repeated to the other is refused: never done twice.
    """
    for statement in STATEMENTS:
        op.execute(statement)
