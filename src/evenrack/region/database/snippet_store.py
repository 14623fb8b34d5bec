"""Changes snippets: one transaction for each change, checked before it is written.

A global one gives every rack that serves anything a newer plan; any other one those of its VLAN.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve
from sqlalchemy import Connection, delete, insert, or_, select, text, update

from evenrack.errors import CannotEverWork, EvenrackError
from evenrack.model.findings import Noun, shown
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import SnippetId, VlanId
from evenrack.model.network_rules import NAME
from evenrack.model.snippet import Snippet, SnippetLevel
from evenrack.model.snippet_rules import problem_in
from evenrack.region.database.event_store import Event
from evenrack.region.database.inventory_families import NEW
from evenrack.region.database.inventory_reading import HIGHEST_ID, MOST_NAMED, NoSuchObject
from evenrack.region.database.inventory_reading import find as find_object
from evenrack.region.database.inventory_store import announce
from evenrack.region.database.inventory_tables import snippet
from evenrack.region.database.leader_store import raise_number
from evenrack.region.database.snippet_reading import (
    OF_SUBNET,
    ON_VLAN,
    StoredSnippet,
    read_snippets,
)

_NOUN: Mapping[SnippetLevel, Noun] = MappingProxyType(
    {"vlan": "vlan", "subnet": "subnet", "pool": "subnet", "host": "reservation"}
)
"""What a snippet of each level is for; a global one is for nothing."""

_COLUMNS = ("vlan_id", "subnet_id", "reservation_id")


class SnippetRefused(CannotEverWork):
    """A snippet would break its rules; nothing was changed."""

    wire_code = b"SNIPPET_REFUSED"

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        super().__init__(sentence)


class SnippetChanged(EvenrackError):
    """The snippet is another one than the caller had seen; nothing was changed."""

    wire_code = b"SNIPPET_CHANGED"

    def __init__(self, present: StoredSnippet) -> None:
        self.present = present
        super().__init__(
            f"snippet {present.name} has changed: its generation is {present.number} now; "
            "look at it again"
        )


def read_page(
    connection: Connection, *, after: int, limit: int, within: Mapping[Noun, int]
) -> list[StoredSnippet]:
    """Give at most so many snippets whose id is higher, in order of ids.

    `within` is a VLAN, a subnet, or both, by id: what is for them, and for what is in them.
    """
    columns = {"vlan": ON_VLAN, "subnet": OF_SUBNET}
    here = [columns[noun] == number for noun, number in within.items()]
    return read_snippets(connection, snippet.c.id > after, *here, limit=limit)


def find(connection: Connection, name: str) -> StoredSnippet:
    """Find one by its name or its id; NoSuchObject when there is none."""
    if NAME.fullmatch(name) is not None:
        is_id = name.isdecimal() and int(name) <= HIGHEST_ID
        called = [snippet.c.name == name, *([snippet.c.id == int(name)] if is_id else [])]
        for found in read_snippets(connection, or_(*called)):
            return found
    raise NoSuchObject(f"no snippet is called {shown(name)}; {_there_are(connection)}")


def create(connection: Connection, fields: Mapping[str, Any]) -> StoredSnippet:
    """Create a snippet: `name` and `text`, and if given `level`, `of` and `enabled`.

    SnippetRefused.
    """
    number = raise_number(connection)
    blank = StoredSnippet(
        name="",
        snippet=Snippet(id=SnippetId(NEW), level="global", text=""),
        enabled=True,
        number=number,
    )
    wanted = _checked(connection, _with(connection, blank, fields))
    made = connection.execute(insert(snippet).values(_row(wanted)).returning(snippet.c.id))
    created = _by_id(connection, made.scalar_one())
    _announce(connection, number, {created.vlan}, _event(created, "created"))
    return created


def change(
    connection: Connection,
    name: str,
    fields: Mapping[str, Any],
    *,
    if_number: FleetNumber | None = None,
) -> StoredSnippet:
    """Set some fields of a snippet; nothing is written when all are so already.

    NoSuchObject, SnippetChanged when its number is not the expected one, SnippetRefused.
    """
    with connection.begin_nested() as everything:
        number = raise_number(connection)
        present = _expected(find(connection, name), if_number)
        wanted = _with(connection, present, fields)
        if wanted == present:
            everything.rollback()
            return present
        wanted = _checked(connection, evolve(wanted, number=number))
        here = snippet.c.id == present.snippet.id
        connection.execute(update(snippet).where(here).values(_row(wanted)))
        changed = _by_id(connection, present.snippet.id)
        told = _event(changed, "changed", _differing(present, changed))
        _announce(connection, number, {present.vlan, changed.vlan}, told)
        return changed


def remove(
    connection: Connection, name: str, *, if_number: FleetNumber | None = None
) -> StoredSnippet:
    """Delete a snippet, and give it as it was; NoSuchObject, SnippetChanged."""
    number = raise_number(connection)
    present = _expected(find(connection, name), if_number)
    connection.execute(delete(snippet).where(snippet.c.id == present.snippet.id))
    _announce(connection, number, {present.vlan}, _event(present, "deleted"))
    return present


def _expected(present: StoredSnippet, if_number: FleetNumber | None) -> StoredSnippet:
    if if_number is not None and present.number != if_number:
        raise SnippetChanged(present)
    return present


# What it would be


def _with(
    connection: Connection, present: StoredSnippet, fields: Mapping[str, Any]
) -> StoredSnippet:
    placed = _placed(connection, present, fields)
    return evolve(
        placed,
        name=fields.get("name", present.name),
        enabled=fields.get("enabled", present.enabled),
        snippet=evolve(placed.snippet, text=fields.get("text", present.snippet.text)),
    )


def _placed(
    connection: Connection, present: StoredSnippet, fields: Mapping[str, Any]
) -> StoredSnippet:
    """Find what it is to be for."""
    before = present.snippet.level
    level: SnippetLevel = fields.get("level", before)
    noun, wanted = _NOUN.get(level), fields.get("of")
    if noun is None:
        if wanted is not None:
            raise SnippetRefused(
                "of", f"a global snippet is for all; leave {shown(str(wanted))} out, or say a level"
            )
        it = evolve(present.snippet, level=level, of=None)
        return evolve(present, snippet=it, vlan=None, vlan_name="", of_name=None)
    if "of" not in fields and noun == _NOUN.get(before):
        return evolve(present, snippet=evolve(present.snippet, level=level))
    if wanted is None:
        raise SnippetRefused("of", f"say for which {noun} it is, by name or id")
    try:
        around = find_object(connection, noun, wanted)
    except NoSuchObject as problem:
        raise SnippetRefused("of", str(problem)) from None
    it = evolve(present.snippet, level=level, of=around.value.id)
    return evolve(present, snippet=it, vlan=around.vlan, vlan_name=around.vlan_name)


def _checked(connection: Connection, wanted: StoredSnippet) -> StoredSnippet:
    """Hold it against the rules; the name is one of its own."""
    name, it = wanted.name, wanted.snippet
    if NAME.fullmatch(name) is None:
        raise SnippetRefused(
            "name", "a name is 1 to 63 letters, digits, dots, dashes or underscores"
        )
    if name.isdecimal():
        raise SnippetRefused("name", f"digits alone read as an id; name it snippet{name}")
    others = select(snippet.c.id).where(snippet.c.name == name, snippet.c.id != it.id)
    taken = connection.execute(others).scalar_one_or_none()
    if taken is not None:
        raise SnippetRefused("name", f"snippet {taken} is called {name}; choose another name")
    problem = problem_in(it.text, it.level)
    if problem is not None:
        raise SnippetRefused("text", f"snippet {name}: {problem}")
    return wanted


# What is written


def _row(it: StoredSnippet) -> dict[str, Any]:
    noun = _NOUN.get(it.snippet.level)
    return {
        "name": it.name,
        "level": it.snippet.level,
        **dict.fromkeys(_COLUMNS),
        **({} if noun is None else {f"{noun}_id": it.snippet.of}),
        "text": it.snippet.text,
        "enabled": it.enabled,
        "era": it.number.era,
        "generation": it.number.generation,
    }


def _announce(
    connection: Connection, number: FleetNumber, vlans: set[VlanId | None], event: Event
) -> None:
    """Give the racks that have it in their file a newer plan, and tell everyone."""
    if None in vlans:
        connection.execute(
            text(
                "UPDATE managing SET era = :era, generation = :generation WHERE rack_id IN "
                "(SELECT unnest(ARRAY[primary_rack, secondary_rack]) FROM dhcp_service)"
            ),
            {"era": number.era, "generation": number.generation},
        )
    announce(connection, number, {vlan for vlan in vlans if vlan is not None}, [event])


def _event(it: StoredSnippet, deed: str, fields: tuple[str, ...] = ()) -> Event:
    """Tell who did what with it, but not its text, which the audit log has."""
    place = f" on VLAN {it.vlan_name}" if it.vlan is not None else ", a global one,"
    what = f": {', '.join(fields)}" if fields else ""
    return Event(
        kind="inventory",
        object=f"snippet:{it.name}" if it.vlan is None else f"vlan:{it.vlan_name}",
        text=f"snippet {it.name}{place} was {deed}{what}",
        data={"deed": deed, "noun": "snippet", "id": it.snippet.id, "fields": list(fields)},
    )


def _differing(before: StoredSnippet, after: StoredSnippet) -> tuple[str, ...]:
    old, new = fields_of(before), fields_of(after)
    return tuple(name for name in old if old[name] != new[name])


def fields_of(it: StoredSnippet) -> dict[str, Any]:
    """Give what can be set of a snippet, as plain JSON."""
    return {
        "name": it.name,
        "level": it.snippet.level,
        "of": it.of_name,
        "enabled": it.enabled,
        "text": it.snippet.text,
    }


def _by_id(connection: Connection, number: int) -> StoredSnippet:
    (found,) = read_snippets(connection, snippet.c.id == number)
    return found


def _there_are(connection: Connection) -> str:
    names = [row.name for row in read_snippets(connection, limit=MOST_NAMED + 1)]
    if not names:
        return "there are none yet"
    more = ", ..." if len(names) > MOST_NAMED else ""
    return f"there are: {', '.join(names[:MOST_NAMED])}{more}"
