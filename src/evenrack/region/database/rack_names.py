"""Racks by what people call them."""

from sqlalchemy import Connection, text

from evenrack.errors import CannotEverWork
from evenrack.model.identifiers import RackId

MOST_NAMED = 20
"""Racks that one error names: a rack says itself what it is called."""


class NoSuchRack(CannotEverWork):
    """No rack is called so, or more than one."""

    wire_code = b"NO_SUCH_RACK"


def find_rack(connection: Connection, name: str) -> RackId:
    """Find a rack by its id or its host's name; NoSuchRack when there is none, or two so called."""
    if "\0" in name:
        raise NoSuchRack("no rack is called so")  # no text of PostgreSQL's
    found = connection.execute(
        text("SELECT id FROM rack WHERE id = :name OR hostname = :name ORDER BY id <> :name, id"),
        {"name": name},
    ).scalars()
    ids = list(found)
    if not ids:
        raise NoSuchRack(f'there is no rack "{name}"; `evenrack rack list` shows them')
    if len(ids) > 1 and name not in ids:
        named = ", ".join(ids[:MOST_NAMED])
        raise NoSuchRack(f'more than one rack is called "{name}"; give the id of one: {named}')
    return RackId(ids[0])
