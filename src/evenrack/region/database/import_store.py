"""Reads what an import of reservations has to know, and writes it in one short transaction.

To plan 50,000 lines takes longer than the leader may be kept waiting. So it is planned on a
picture, without any lock; the transaction that writes then looks whether the inventory is still as
it was.
"""

import json
from collections import Counter
from collections.abc import Sequence

from attrs import frozen
from sqlalchemy import Connection, text

from evenrack.errors import EvenrackError
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.model.network import Vlan
from evenrack.model.reservation_import import Imported, Wanted, vlans_of
from evenrack.region.database.event_store import Event
from evenrack.region.database.inventory_reading import find, read_vlans
from evenrack.region.database.inventory_store import announce
from evenrack.region.database.leader_store import raise_number

ROWS_AT_ONCE = 5_000
"""Rows in one statement: to quote its text for PostgreSQL holds up every other thread."""

_TABLES = ("vlan", "subnet", "ip_range", "reservation")

Mark = tuple[tuple[int, str], ...]
"""How many rows each table has, and the highest number in it: another one after any change."""


class InventoryMoved(EvenrackError):
    """Somebody has changed the inventory since it was read; nothing was written."""

    wire_code = b"INVENTORY_MOVED"


@frozen(kw_only=True)
class Picture:
    """The inventory at one moment."""

    mark: Mark
    vlans: tuple[Vlan, ...]
    """All; with ranges and reservations those that matter."""
    only: Vlan | None
    """The one that was named."""


@frozen(kw_only=True)
class Statements:
    """What is to be written, as PostgreSQL takes it."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    """Rows as JSON, so many at once."""
    told: tuple[tuple[VlanId, str, int, int], ...]
    """VLAN, its name, how many are new and how many changed."""


def read_picture(connection: Connection, wanted: Sequence[Wanted], vlan: str | None) -> Picture:
    """Read all that the lines depend on; NoSuchObject when there is no such VLAN."""
    named = None if vlan is None else find(connection, "vlan", vlan).value.id
    mark = read_mark(connection)
    matter = vlans_of(read_vlans(connection, contents_of=()).values(), wanted)
    vlans = read_vlans(connection, contents_of=matter)
    return Picture(
        mark=mark,
        vlans=tuple(vlans.values()),
        only=None if named is None else vlans[VlanId(named)],
    )


def statements_of(changes: Sequence[Imported]) -> Statements:
    """Prepare what is to be written, before anything is locked for it."""
    counts = Counter((each.vlan, each.vlan_name, each.deed) for each in changes)
    vlans = sorted({(vlan, name) for vlan, name, _ in counts})
    return Statements(
        new=_json_of([each for each in changes if each.deed == "new"]),
        changed=_json_of([each for each in changes if each.deed == "changed"]),
        told=tuple(
            (vlan, name, counts[vlan, name, "new"], counts[vlan, name, "changed"])
            for vlan, name in vlans
        ),
    )


def write_import(connection: Connection, statements: Statements, mark: Mark) -> FleetNumber:
    """Write it, if the inventory is as it was; InventoryMoved otherwise."""
    number = raise_number(connection)
    if read_mark(connection) != mark:
        raise InventoryMoved("the inventory has changed meanwhile")
    numbered = {"era": number.era, "generation": number.generation}
    for rows in statements.new:
        connection.execute(text(_INSERT), {"rows": rows, **numbered})
    for rows in statements.changed:
        connection.execute(text(_UPDATE), {"rows": rows, **numbered})
    announce(
        connection,
        number,
        {vlan for vlan, *_ in statements.told},
        [_event(name, new, changed) for _, name, new, changed in statements.told],
    )
    return number


_INSERT = (
    "INSERT INTO reservation (subnet_id, mac, duid, address, hostname, era, generation) "
    "SELECT subnet_id, mac, duid, address, hostname, :era, :generation "
    "FROM json_to_recordset(CAST(:rows AS json)) "
    "AS each (subnet_id integer, mac text, duid text, address text, hostname text)"
)
_UPDATE = (
    "UPDATE reservation SET subnet_id = each.subnet_id, mac = each.mac, address = each.address, "
    "hostname = each.hostname, era = :era, generation = :generation "
    "FROM json_to_recordset(CAST(:rows AS json)) "
    "AS each (id integer, subnet_id integer, mac text, address text, hostname text) "
    "WHERE reservation.id = each.id"
)


def _json_of(lines: Sequence[Imported]) -> tuple[str, ...]:
    rows = [each.row for each in lines]
    return tuple(
        json.dumps(rows[begin : begin + ROWS_AT_ONCE])
        for begin in range(0, len(rows), ROWS_AT_ONCE)
    )


def read_mark(connection: Connection, tables: Sequence[str] = _TABLES) -> Mark:
    """Numbers only grow: a row that came or changed has the highest; one that went is missed."""
    of_each = " UNION ALL ".join(
        f"SELECT '{table}' AS name, count(*) AS rows, "  # noqa: S608  names of ours
        "coalesce(max(CAST(era AS numeric) * 1e20 + generation), 0) AS highest "
        f"FROM {table}"
        for table in tables
    )
    rows = connection.execute(text(f"{of_each} ORDER BY name"))
    return tuple((row.rows, str(row.highest)) for row in rows)


def _event(vlan: str, new: int, changed: int) -> Event:
    return Event(
        kind="inventory",
        object=f"vlan:{vlan}",
        text=f"reservations on VLAN {vlan} were imported: {new} new, {changed} changed",
        data={"deed": "imported", "noun": "reservation", "new": new, "changed": changed},
    )
