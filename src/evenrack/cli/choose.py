"""Finding the object that the operator names: by name, by id, or by a prefix of an id."""

from collections.abc import Sequence
from typing import Any

from evenrack.errors import CannotEverWork


class NoSuchName(CannotEverWork):
    """Nothing, or more than one thing, has the name that was given."""

    wire_code = b"NO_SUCH_NAME"


def choose(rows: Sequence[dict[str, Any]], wanted: str, noun: str) -> dict[str, Any]:
    """Pick the one row that is meant; a whole name wins over the prefix of an id."""
    for key in ("id", "hostname"):
        exact = [row for row in rows if row[key] == wanted]
        if len(exact) == 1:
            return exact[0]
        if exact:
            ids = ", ".join(row["id"] for row in exact)
            raise NoSuchName(f"{len(exact)} {noun}s are called {wanted}; name one by id: {ids}")
    started = [row for row in rows if wanted and row["id"].startswith(wanted)]
    if len(started) == 1:
        return started[0]
    if started:
        ids = ", ".join(row["id"] for row in started)
        raise NoSuchName(f'"{wanted}" is the start of several {noun} ids: {ids}')
    names = ", ".join(row["hostname"] for row in rows) or "none yet"
    raise NoSuchName(f'no {noun} is called "{wanted}"; there are: {names}')
