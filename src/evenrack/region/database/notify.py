"""The one notification: something changed, look again."""

from sqlalchemy import Connection, text

CHANNEL = "evenrack"


def notify(connection: Connection, sender: str) -> None:
    """Tell every listening process that something changed, when this transaction commits.

    Carries only who says so: what changed is read from the tables.
    """
    connection.execute(
        text("SELECT pg_notify(:channel, :sender)"), {"channel": CHANNEL, "sender": sender}
    )
