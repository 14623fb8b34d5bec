"""Reads snippets with what each is for: for plans, and for people and programs."""

from collections import defaultdict
from typing import Any

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, func, select

from evenrack.model.findings import Noun
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import SnippetId, VlanId
from evenrack.model.snippet import Snippet
from evenrack.region.database.inventory_tables import reservation, snippet, subnet, vlan

ON_VLAN = func.coalesce(snippet.c.vlan_id, subnet.c.vlan_id)
"""The VLAN that it is for, or that what it is for is on."""

OF = func.coalesce(snippet.c.vlan_id, snippet.c.subnet_id, snippet.c.reservation_id)
"""The id of what it is for."""

OF_SUBNET = func.coalesce(snippet.c.subnet_id, reservation.c.subnet_id)
"""The subnet that it is for, or that its reservation is in."""

_JOINED = (
    snippet.outerjoin(reservation, reservation.c.id == snippet.c.reservation_id)
    .outerjoin(subnet, subnet.c.id == OF_SUBNET)
    .outerjoin(vlan, vlan.c.id == ON_VLAN)
)


@frozen(kw_only=True)
class StoredSnippet:
    """One row: a snippet, and where it is."""

    name: str
    snippet: Snippet
    enabled: bool
    number: FleetNumber
    """The fleet's number when this row last changed."""
    vlan: VlanId | None = None
    """The VLAN in whose part of the file it stands; None of a global one."""
    vlan_name: str = ""
    of_name: str | None = None
    """The name of its VLAN, the network of its subnet, or the first card of its reservation."""


def read_snippets(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[StoredSnippet]:
    """Give snippets, in the order of their ids."""
    of_name = func.coalesce(reservation.c.mac, subnet.c.cidr, vlan.c.name)
    rows = connection.execute(
        select(
            snippet,
            ON_VLAN.label("on_vlan"),
            vlan.c.name.label("on_vlan_name"),
            OF.label("of"),
            of_name.label("of_name"),
        )
        .select_from(_JOINED)
        .where(*conditions)
        .order_by(snippet.c.id)
        .limit(limit)
    )
    return [_stored(row) for row in rows]


def read_served(connection: Connection) -> dict[VlanId | None, tuple[Snippet, ...]]:
    """Give the enabled snippets of each VLAN, and under None the global ones."""
    found: defaultdict[VlanId | None, list[Snippet]] = defaultdict(list)
    for row in read_snippets(connection, snippet.c.enabled):
        found[row.vlan].append(row.snippet)
    return {of_vlan: tuple(snippets) for of_vlan, snippets in found.items()}


def read_global(connection: Connection) -> tuple[Snippet, ...]:
    """Give the enabled global snippets."""
    here = (snippet.c.enabled, snippet.c.level == "global")
    return tuple(row.snippet for row in read_snippets(connection, *here))


def count_for(connection: Connection, noun: Noun, number: int) -> int:
    """Count the snippets that are for an object, or for what is in it: they go with it."""
    columns = {"vlan": ON_VLAN, "subnet": OF_SUBNET, "reservation": snippet.c.reservation_id}
    if noun not in columns:
        return 0
    query = select(func.count()).select_from(_JOINED).where(columns[noun] == number)
    return int(connection.execute(query).scalar_one())


def _stored(row: Any) -> StoredSnippet:
    return StoredSnippet(
        name=row.name,
        snippet=Snippet(id=SnippetId(row.id), level=row.level, of=row.of, text=row.text),
        enabled=row.enabled,
        number=FleetNumber(row.era, row.generation),
        vlan=None if row.on_vlan is None else VlanId(row.on_vlan),
        vlan_name=row.on_vlan_name or "",
        of_name=row.of_name,
    )
