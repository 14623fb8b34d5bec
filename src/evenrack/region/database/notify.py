"""The one notification: something changed, look again; and what about, so that not all need to."""

from typing import Literal

from sqlalchemy import Connection, text

CHANNEL = "evenrack"


Topic = Literal[
    "links",
    "lost links",
    "members",
    "leader",
    "decisions",
    "inventory",
    "racks",
    "wishes",
    "orders",
    "trust",
    "keys",
]
"""New links of racks; links that ended; region processes; who leads; what the leader decided;
VLANs, BMCs and machines; what racks report; what operators want of the balance; power orders;
certificates; keys."""


def notify(connection: Connection, topic: Topic) -> None:
    """Tell every listening process that something changed, when this transaction commits.

    Carries only where to look: what changed is read from the tables.
    """
    connection.execute(
        text("SELECT pg_notify(:channel, :topic)"), {"channel": CHANNEL, "topic": topic}
    )
