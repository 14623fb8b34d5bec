"""Every place in the database that holds a sealed secret, and how all get under another key.

A secret is opened and sealed anew in one transaction, its row locked: half-way everything is
readable with the keys of the file, and whoever repeats it finishes it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field, frozen
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Table,
    case,
    func,
    select,
    text,
    update,
)

from evenrack.config.key_file import KEY_ID, Key
from evenrack.errors import Damaged, KeyMissing
from evenrack.region.database.tables import bmc
from evenrack.region.database.trust_tables import authority, enrolment
from evenrack.region.sealing import Cell, Sealer, id_prefix

PAGE = 200
"""Rows read at once."""


@frozen(kw_only=True)
class SealedColumn:
    """A column of sealed secrets, at most one for each row, bound to the row's id."""

    table: Table
    name: str

    @property
    def column(self) -> Column[Any]:
        """Give the column itself."""
        return self.table.c[self.name]

    def cell(self, row: int) -> Cell:
        """Name the place of one secret."""
        return Cell(table=self.table.name, column=self.name, row=row)


SEALED_COLUMNS = (
    SealedColumn(table=bmc, name="password"),
    SealedColumn(table=bmc, name="k_g"),
    SealedColumn(table=authority, name="sealed_key"),
    SealedColumn(table=enrolment, name="sealed_secret"),
)
"""All of them: what is not here is lost when its key is taken away."""


@frozen(kw_only=True)
class Stuck:
    """A secret that does not open on this host, and why."""

    cell: Cell
    why: str


@define(kw_only=True)
class Resealed:
    """What one batch did."""

    count: int = 0
    stuck: list[Stuck] = field(factory=list)


def count_by_key(connection: Connection) -> dict[str | None, int]:
    """Count the sealed secrets by the id of their key; None: which key cannot be read."""
    counts: dict[str | None, int] = {}
    for sealed in SEALED_COLUMNS:
        named = _named_key(sealed.column)
        counted = select(named, func.count()).where(sealed.column.is_not(None)).group_by(named)
        for prefix, count in connection.execute(counted):
            key_id = _key_id(bytes(prefix))
            counts[key_id] = counts.get(key_id, 0) + count
    return counts


def reseal(connection: Connection, sealer: Sealer, *, most: int) -> Resealed:
    """Seal so many secrets anew that are not under the key that the sealer encrypts with.

    What does not open stays as it is, and is named; all of it once the count is below `most`.
    """
    key = sealer.keys.first
    if key is None:
        raise KeyMissing(None)
    done = Resealed()
    for sealed, row in _all_not_under(connection, key):
        if done.count == most:
            break
        cell = sealed.cell(row.id)
        try:
            clear = sealer.open(bytes(row.sealed), cell)
        except (KeyMissing, Damaged) as problem:
            done.stuck.append(Stuck(cell=cell, why=str(problem)))
            continue
        anew = {sealed.name: sealer.seal(clear, cell)}
        connection.execute(update(sealed.table).where(sealed.table.c.id == row.id).values(anew))
        done.count += 1
    return done


def wait_for_writers(connection: Connection) -> None:
    """Wait until who is about to write a sealed secret has done so; others wait for this."""
    tables = ", ".join(sealed.table.name for sealed in SEALED_COLUMNS)
    connection.execute(text(f"LOCK TABLE {tables} IN SHARE MODE"))


def not_under(counts: Mapping[str | None, int], key_id: str) -> int:
    """Count those that are not sealed with this key."""
    return sum(count for found, count in counts.items() if found != key_id)


def _all_not_under(
    connection: Connection, key: Key
) -> Iterator[tuple[SealedColumn, Row[Any, Any]]]:
    for sealed in SEALED_COLUMNS:
        for row in _not_under(connection, sealed, key):
            yield sealed, row


def _not_under(connection: Connection, sealed: SealedColumn, key: Key) -> Iterator[Row[Any, Any]]:
    """Lock and give the rows that are not under this key, in order of their ids."""
    table, after = sealed.table, 0
    while True:
        rows = connection.execute(
            select(table.c.id, sealed.column.label("sealed"))
            .where(table.c.id > after, _named_key(sealed.column) != id_prefix(key))
            .order_by(table.c.id)
            .limit(PAGE)
            .with_for_update()
        ).all()
        if not rows:
            return
        yield from rows
        after = rows[-1].id


def _named_key(column: Column[Any]) -> ColumnElement[bytes]:
    """Take the length and the id of the key off the front, as `sealing` has put them there."""
    front = func.substring(column, 1, func.get_byte(column, 0) + 1, type_=LargeBinary)
    return case((func.length(column) > 0, front), else_=column)


def _key_id(prefix: bytes) -> str | None:
    key_id = prefix[1:].decode("ascii", "replace")
    whole = bool(prefix) and len(prefix) == prefix[0] + 1
    return key_id if whole and KEY_ID.fullmatch(key_id) else None
