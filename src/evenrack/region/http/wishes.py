"""What the pages of holds and drains have in common: words, spans of time, and what is recorded."""

import re
from typing import Any

from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.balance_store import Wish
from evenrack.region.database.engine import Connection
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import raise_number
from evenrack.region.database.notify import notify
from evenrack.region.http.fields import text_like, whole_number_in

MOST_SECONDS = 366 * 86_400

one_line = text_like(
    re.compile(r"[^\u0000-\u001f\u007f]{1,300}"), "must be one line of 1 to 300 characters"
)

span_seconds = whole_number_in(1, MOST_SECONDS)


def wish_of(who: str, fields: dict[str, Any], message: str, seconds: str) -> Wish:
    """Take what was said from the fields of a request, by their names."""
    return Wish(who=who, message=fields.get(message, ""), seconds=fields.get(seconds))


def tell(connection: Connection, kind: str, where: str, text: str) -> FleetNumber:
    """Record a change that an operator made, and let everybody look.

    The leader's decisions wait meanwhile, so call it before anything is read for the change.
    """
    number = raise_number(connection)
    record(connection, [Event(kind=kind, object=where, text=text)], number)
    notify(connection, "wishes")
    return number


def span(seconds: int | None) -> str:
    """Write a span of time with a space in front, as in ` for 2 h`; nothing for one without end."""
    if seconds is None:
        return ""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds % size == 0:
            return f" for {seconds // size} {unit}"
    return f" for {seconds} s"
