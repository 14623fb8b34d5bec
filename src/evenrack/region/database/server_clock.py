"""The clock of the database: the one by which the cluster dates what several hosts compare."""

from datetime import datetime

from sqlalchemy import Connection, text


def read_clock(connection: Connection) -> datetime:
    """Read it, with its time zone; a host's own clock may be wrong."""
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment
