"""Reads what an import of BMCs or machines has to know, and writes it in one short transaction.

Planned without a lock, written only while all is as it was seen (see `import_store`).
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from attrs import frozen
from sqlalchemy import Connection, text

from evenrack.config.secret_file import Secret
from evenrack.errors import Damaged, KeyMissing
from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_import import Planned, Value, WantedBmc
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId
from evenrack.region.database.bmc_reading import (
    Noun,
    fields_of,
    password_cell,
    read_bmcs,
    read_machines,
)
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.import_store import ROWS_AT_ONCE, InventoryMoved, Mark, read_mark
from evenrack.region.database.leader_store import raise_number
from evenrack.region.database.notify import notify
from evenrack.region.sealing import Sealer

TABLES = ("bmc", "machine")


@frozen(kw_only=True)
class BmcPicture:
    """BMCs and machines at one moment."""

    mark: Mark
    bmcs: tuple[Bmc, ...]
    machines: tuple[Machine, ...]
    sealed: Mapping[str, bytes]
    """The passwords of these BMCs as they are kept, by name."""


def read_bmc_picture(connection: Connection, names: Collection[str]) -> BmcPicture:
    """Read all that the lines depend on; `names` are the BMCs whose passwords matter."""
    sealed = connection.execute(
        text("SELECT name, password FROM bmc WHERE name = ANY(:names)"), {"names": list(names)}
    )
    return BmcPicture(
        mark=read_mark(connection, TABLES),
        sealed={row.name: bytes(row.password) for row in sealed},
        bmcs=tuple(read_bmcs(connection).values()),
        machines=tuple(read_machines(connection).values()),
    )


def same_passwords(picture: BmcPicture, wanted: Iterable[WantedBmc], sealer: Sealer) -> set[str]:
    """Name the BMCs that have the password of their line already, as far as that can be seen."""
    ids = {bmc.name: bmc.id for bmc in picture.bmcs}

    def is_same(each: WantedBmc) -> bool:
        if not each.password or each.name not in picture.sealed:
            return False
        try:
            kept = sealer.open(picture.sealed[each.name], password_cell(ids[each.name]))
        except (KeyMissing, Damaged):
            return False
        return kept.reveal() == each.password

    return {each.name for each in wanted if is_same(each)}


def write_bmcs(
    connection: Connection, changes: Sequence[Planned[Bmc]], mark: Mark, sealer: Sealer
) -> FleetNumber:
    """Write BMCs, if all is as it was; InventoryMoved otherwise, KeyMissing."""
    number = _begin(connection, mark)
    ids = _new_ids(connection, "bmc", sum(each.deed == "new" for each in changes))

    def row(each: Planned[Bmc]) -> dict[str, object]:
        bmc = BmcId(next(ids)) if each.deed == "new" else each.value.id
        sealed = sealer.seal(Secret(each.password), password_cell(bmc)) if each.password else None
        return {"id": bmc, **fields_of(each.value), "password": sealed and sealed.hex()}

    moved = [each.value.id for each in changes if each.deed == "changed"]
    connection.execute(  # so that two may exchange their addresses
        text("UPDATE bmc SET address = '#' || id WHERE id = ANY(:moved)"), {"moved": moved}
    )
    _write(connection, number, changes, row, (_CHANGE_BMCS, _NEW_BMCS))
    return _announce(connection, number, "bmc", changes)


def write_machines(
    connection: Connection, changes: Sequence[Planned[Machine]], mark: Mark
) -> FleetNumber:
    """Write machines, if all is as it was; InventoryMoved otherwise."""
    number = _begin(connection, mark)

    def row(each: Planned[Machine]) -> dict[str, object]:
        return {"id": each.value.id, "name": each.value.name, "bmc_id": each.value.bmc}

    _write(connection, number, changes, row, (_CHANGE_MACHINES, _NEW_MACHINES))
    return _announce(connection, number, "machine", changes)


_BMC_ROWS = (
    "FROM json_to_recordset(CAST(:rows AS json)) AS each (id integer, name text, driver text, "
    'address text, port integer, "user" text, password text, cipher_suite integer, system text, '
    "certificate_sha256 text, certificate_name text)"
)
_NEW_BMCS = " ".join(
    (
        'INSERT INTO bmc (id, name, driver, address, port, "user", password, cipher_suite, system,',
        "certificate_sha256, certificate_name, era, generation) OVERRIDING SYSTEM VALUE",
        "SELECT id, name, driver, address, port, \"user\", decode(password, 'hex'),",
        "cipher_suite, system, certificate_sha256, certificate_name, :era, :generation",
        _BMC_ROWS,
    )
)
_CHANGE_BMCS = " ".join(
    (
        "UPDATE bmc SET driver = each.driver, address = each.address, port = each.port,",
        '"user" = each."user", cipher_suite = each.cipher_suite, era = :era,',
        "system = each.system, certificate_sha256 = each.certificate_sha256,",
        "certificate_name = each.certificate_name,",
        "generation = :generation, password = coalesce(decode(each.password, 'hex'),",
        "bmc.password)",
        _BMC_ROWS,
        "WHERE bmc.id = each.id",
    )
)
_MACHINE_ROWS = (
    "FROM json_to_recordset(CAST(:rows AS json)) AS each (id integer, name text, bmc_id integer)"
)
_NEW_MACHINES = " ".join(
    (
        "INSERT INTO machine (name, bmc_id, era, generation)",
        "SELECT name, bmc_id, :era, :generation",
        _MACHINE_ROWS,
    )
)
_CHANGE_MACHINES = " ".join(
    (
        "UPDATE machine SET bmc_id = each.bmc_id, era = :era, generation = :generation",
        _MACHINE_ROWS,
        "WHERE machine.id = each.id",
    )
)


def _begin(connection: Connection, mark: Mark) -> FleetNumber:
    number = raise_number(connection)
    if read_mark(connection, TABLES) != mark:
        raise InventoryMoved("the inventory has changed meanwhile")
    return number


def _new_ids(connection: Connection, table: str, count: int) -> Iterator[int]:
    found = connection.execute(
        text(
            "SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)"
        ),
        {"table": table, "count": count},
    )
    return iter([row[0] for row in found])


def _write(
    connection: Connection,
    number: FleetNumber,
    changes: Sequence[Planned[Value]],
    row: Callable[[Planned[Value]], dict[str, object]],
    statements: tuple[str, str],
) -> None:
    for deed, statement in zip(("changed", "new"), statements, strict=True):
        rows = [row(each) for each in changes if each.deed == deed]
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            connection.execute(
                text(statement),
                {
                    "rows": json.dumps(rows[begin : begin + ROWS_AT_ONCE]),
                    "era": number.era,
                    "generation": number.generation,
                },
            )


def _announce(
    connection: Connection, number: FleetNumber, noun: Noun, changes: Sequence[Planned[Value]]
) -> FleetNumber:
    new, changed = (sum(each.deed == deed for each in changes) for deed in ("new", "changed"))
    event = Event(
        kind="inventory",
        object=noun,
        text=f"{noun}s were imported: {new} new, {changed} changed",
        data={"deed": "imported", "noun": noun, "new": new, "changed": changed},
    )
    record(connection, [event], number)
    notify(connection, "inventory")
    return number
