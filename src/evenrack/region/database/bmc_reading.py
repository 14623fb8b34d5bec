"""Reads BMCs and machines, with a number for each row; secrets only where they are asked for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, cast

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, FromClause, Table, false, select

from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_host import bmc_host_from_text
from evenrack.model.findings import shown
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, MachineId
from evenrack.model.network_rules import NAME
from evenrack.region.database.fleet_keys import Wanted, named
from evenrack.region.database.inventory_reading import HIGHEST_ID, MOST_NAMED, NoSuchObject
from evenrack.region.database.tables import bmc, machine
from evenrack.region.sealing import Cell

Noun = Literal["bmc", "machine"]
Value = Bmc | Machine

TABLES: Mapping[Noun, Table] = MappingProxyType({"bmc": bmc, "machine": machine})


@frozen(kw_only=True)
class Kept:
    """One row."""

    noun: Noun
    value: Value
    number: FleetNumber
    """The fleet's number when this row last changed."""
    bmc_name: str = ""
    """The name of a machine's BMC."""


def read_bmcs(connection: Connection, of: Wanted[BmcId] = None) -> dict[BmcId, Bmc]:
    """Give BMCs in the order of their ids, all or these; passwords are not in them."""
    found = cast("list[Bmc]", [row.value for row in _read(connection, "bmc", *named(bmc.c.id, of))])
    return {each.id: each for each in found}


def read_machines(connection: Connection) -> dict[MachineId, Machine]:
    """Give all machines in the order of their ids."""
    found = cast("list[Machine]", [row.value for row in _read(connection, "machine")])
    return {each.id: each for each in found}


def sealed_password_of(connection: Connection, number: BmcId) -> bytes:
    """Give a BMC's password as it is kept: `Sealer.open` it for `password_cell(number)`.

    NoSuchObject when the BMC was deleted.
    """
    sealed = connection.execute(select(bmc.c.password).where(bmc.c.id == number)).scalar()
    if sealed is None:
        raise NoSuchObject(f"there is no bmc with the id {number}")
    return bytes(sealed)


def sealed_k_g_of(connection: Connection, number: BmcId) -> bytes | None:
    """Give a BMC's own key as it is kept, for `k_g_cell(number)`; None when it has none."""
    sealed = connection.execute(select(bmc.c.k_g).where(bmc.c.id == number)).scalar()
    return None if sealed is None else bytes(sealed)


def k_g_cell(number: BmcId) -> Cell:
    """Name the place of a BMC's own key."""
    return Cell(table="bmc", column="k_g", row=number)


def password_cell(number: BmcId) -> Cell:
    """Name the place of a BMC's password."""
    return Cell(table="bmc", column="password", row=number)


def read_page(
    connection: Connection, noun: Noun, *, after: int, limit: int, of: Kept | None = None
) -> list[Kept]:
    """Give at most so many objects whose id is higher, in order of ids; machines `of` one BMC."""
    here = [] if of is None else [machine.c.bmc_id == of.value.id]
    return _read(connection, noun, TABLES[noun].c.id > after, *here, limit=limit)


def find(connection: Connection, noun: Noun, name: str | int) -> Kept:
    """Find one object by its name or its id; NoSuchObject when there is none."""
    called = str(name)
    if NAME.fullmatch(called) is not None:
        for found in _read(connection, noun, _is_called(noun, called)):
            return found
    raise NoSuchObject(f"no {noun} is called {shown(called)}; {_there_are(connection, noun)}")


def find_by_id(connection: Connection, noun: Noun, number: int) -> Kept:
    """Read one object that is known to be there."""
    (found,) = _read(connection, noun, TABLES[noun].c.id == number)
    return found


def find_machine_of(connection: Connection, number: int) -> Kept | None:
    """Find the machine that a BMC switches."""
    found = _read(connection, "machine", machine.c.bmc_id == number)
    return found[0] if found else None


def fields_of(value: Value) -> dict[str, Any]:
    """Give what can be set of an object and shown, as plain JSON; the names are its columns'."""
    match value:
        case Bmc():
            return {
                "name": value.name,
                "driver": value.driver,
                "address": str(value.address),
                "port": value.port,
                "user": value.user,
                "cipher_suite": value.cipher_suite,
                "privilege": value.privilege,
                "boot_type": value.boot_type,
                "login": value.login,
                "system": value.system,
                "certificate_sha256": value.certificate_sha256,
                "certificate_name": value.certificate_name,
            }
        case Machine():
            return {"name": value.name}


def _read(
    connection: Connection, noun: Noun, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[Kept]:
    rows = connection.execute(
        select(*_COLUMNS[noun])
        .select_from(_JOINED[noun])
        .where(*conditions)
        .order_by(TABLES[noun].c.id)
        .limit(limit)
    )
    return [_kept(noun, row) for row in rows]


_JOINED: Mapping[Noun, FromClause] = MappingProxyType({"bmc": bmc, "machine": machine.join(bmc)})

_COLUMNS: Mapping[Noun, tuple[Any, ...]] = MappingProxyType(
    {
        "bmc": (
            *(column for column in bmc.c if column.name not in {"password", "k_g"}),
            bmc.c.k_g.is_not(None).label("k_g_set"),
        ),
        "machine": (*machine.c, bmc.c.name.label("bmc_name")),
    }
)


def _kept(noun: Noun, row: Any) -> Kept:
    number = FleetNumber(row.era, row.generation)
    if noun == "machine":
        value = Machine(id=MachineId(row.id), name=row.name, bmc=BmcId(row.bmc_id))
        return Kept(noun=noun, value=value, number=number, bmc_name=row.bmc_name)
    return Kept(noun=noun, value=_bmc(row), number=number)


def _bmc(row: Any) -> Bmc:
    return Bmc(
        id=BmcId(row.id),
        name=row.name,
        driver=row.driver,
        address=bmc_host_from_text(row.address),
        port=row.port,
        user=row.user,
        cipher_suite=row.cipher_suite,
        privilege=row.privilege,
        boot_type=row.boot_type,
        k_g_set=row.k_g_set,
        login=row.login,
        system=row.system,
        certificate_sha256=row.certificate_sha256,
        certificate_name=row.certificate_name,
    )


def _is_called(noun: Noun, called: str) -> ColumnElement[bool]:
    table = TABLES[noun]
    if not called.isdecimal():  # no name is digits alone
        return table.c.name == called
    return table.c.id == int(called) if int(called) <= HIGHEST_ID else false()


def _there_are(connection: Connection, noun: Noun) -> str:
    rows = _read(connection, noun, limit=MOST_NAMED + 1)
    names = [row.value.name for row in rows[:MOST_NAMED]]
    if not names:
        return "there are none yet"
    return f"there are: {', '.join(names)}{', ...' if len(rows) > MOST_NAMED else ''}"
