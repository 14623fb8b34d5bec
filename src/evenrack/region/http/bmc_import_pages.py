"""The addresses that take a CSV file of BMCs, or of machines. No answer shows a value of a file.

A file with its columns mixed up has a password where something else is meant.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from attrs import define, field

from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_host import WANTED, BmcHost, HostName, bmc_host_from_text
from evenrack.model.bmc_import import (
    Deed,
    ObjectPlan,
    WantedBmc,
    WantedMachine,
    plan_bmcs,
    plan_machines,
)
from evenrack.model.csv_lines import LineProblem, Read, read_lines
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.network_rules import NAME
from evenrack.model.power import CIPHER_SUITES, default_port
from evenrack.region.database.bmc_import_store import (
    BmcPicture,
    read_bmc_picture,
    same_passwords,
    write_bmcs,
    write_machines,
)
from evenrack.region.database.engine import Connection
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import Field
from evenrack.region.http.importing import Importing, file_refused, import_operation
from evenrack.region.http.json_pages import HttpProblem
from evenrack.region.http.operations import Declared, DeclaredPage
from evenrack.region.sealing import Sealer
from evenrack.runtime.thinking import Think

Found = TypeVar("Found")

_BMCS = import_operation("Take a CSV file of BMCs: all of its lines, or none", has_secrets=True)
_MACHINES = import_operation("Take a CSV file of machines: all of its lines, or none")


def bmc_import_page(
    door: DatabaseDoor,
    think: Think,
    sealer: Sealer,
    fields: Mapping[str, Field],
) -> DeclaredPage:
    """Make the page below the list of BMCs; `fields` read what a request reads as well."""
    columns: Mapping[str, Read] = {
        "name": _name,
        "driver": fields["driver"].read,
        "address": _address,
        "port": _port,
        "user": str,
        "password": str.encode,
        "cipher_suite": _cipher_suite,
        **{name: _or_empty(fields[name].read) for name in _MAY_BE_EMPTY},
    }
    importing = Importing(door, think, lambda _asked: _Bmcs(sealer=sealer, columns=columns))
    declared = Declared(operation=_BMCS, answer=importing.answer)
    return DeclaredPage({"POST": declared}, access=OPERATE)


def machine_import_page(door: DatabaseDoor, think: Think) -> DeclaredPage:
    """Make the page below the list of machines."""
    importing = Importing(door, think, lambda _asked: _Machines())
    declared = Declared(operation=_MACHINES, answer=importing.answer)
    return DeclaredPage({"POST": declared}, access=OPERATE)


def _name(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise ValueError("must be 1 to 63 letters, digits, dots, dashes or underscores")
    return text


def _address(text: str) -> BmcHost:
    """Read where a BMC is. Any word could be a host name: also a password in the wrong column."""
    host = bmc_host_from_text(text)
    if isinstance(host, HostName) and "." not in host:
        raise ValueError(f"must be {WANTED}; in a file a host name needs its domain")
    return host


def _port(text: str) -> int | None:
    """Read a port; None for the usual one of the driver."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len("65535")):
        raise ValueError("must be a whole number, or empty")
    return int(text)


def _cipher_suite(text: str) -> int | None:
    if not text:
        return None
    if text not in map(str, CIPHER_SUITES):
        raise ValueError("must be 3 or 17, or empty")
    return int(text)


def _or_empty(read: Read) -> Read:
    return lambda text: read(text) if text else None


_MAY_BE_EMPTY = ("system", "certificate_sha256", "certificate_name")
_BMC_REQUIRED = ("name", "driver", "address", "user")
_MACHINE_COLUMNS: Mapping[str, Read] = {"name": _name, "bmc": _name}


@define(kw_only=True)
class _Bmcs:
    """A file of BMCs (`importing.ImportWork`)."""

    sealer: Sealer
    columns: Mapping[str, Read]
    _problems: tuple[LineProblem, ...] = ()
    _wanted: list[WantedBmc] = field(factory=list, repr=False)
    _picture: BmcPicture | None = field(default=None, repr=False)
    _plan: ObjectPlan[Bmc] | None = field(default=None, repr=False)

    def read(self, body: bytes) -> None:
        lines = read_lines(body, self.columns, required=_BMC_REQUIRED, shows=False)
        self._problems = lines.problems
        for row in lines.rows:
            values = dict(row.values)
            name, password = values.pop("name"), values.pop("password", b"")
            if values.get("port", ...) is None:
                values["port"] = default_port(values["driver"])
            self._wanted.append(
                WantedBmc(line=row.line, name=name, fields=values, password=password)
            )

    def look(self, connection: Connection) -> None:
        self._picture = read_bmc_picture(connection, [each.name for each in self._wanted])

    def plan(self) -> tuple[dict[str, Any], HttpProblem | None]:
        picture = _there(self._picture)
        same = same_passwords(picture, self._wanted, self.sealer)
        self._plan = plan_bmcs(picture.bmcs, self._wanted, same)
        return _form(self._plan, self._problems)

    def write(self, connection: Connection) -> FleetNumber:
        changes, mark = _there(self._plan).changes, _there(self._picture).mark
        return write_bmcs(connection, changes, mark, self.sealer)

    def drop(self) -> None:
        self._picture = self._plan = None
        self._wanted = []


@define(kw_only=True)
class _Machines:
    """A file of machines (`importing.ImportWork`)."""

    _problems: tuple[LineProblem, ...] = ()
    _wanted: list[WantedMachine] = field(factory=list)
    _picture: BmcPicture | None = None
    _plan: ObjectPlan[Machine] | None = None

    def read(self, body: bytes) -> None:
        lines = read_lines(body, _MACHINE_COLUMNS, required=tuple(_MACHINE_COLUMNS))
        self._problems = lines.problems
        self._wanted = [WantedMachine(line=row.line, **row.values) for row in lines.rows]

    def look(self, connection: Connection) -> None:
        self._picture = read_bmc_picture(connection, [])

    def plan(self) -> tuple[dict[str, Any], HttpProblem | None]:
        picture = _there(self._picture)
        self._plan = plan_machines(picture.machines, self._wanted, picture.bmcs)
        return _form(self._plan, self._problems)

    def write(self, connection: Connection) -> FleetNumber:
        return write_machines(connection, _there(self._plan).changes, _there(self._picture).mark)

    def drop(self) -> None:
        self._picture = self._plan = None
        self._wanted = []


def _form(
    plan: ObjectPlan[Bmc] | ObjectPlan[Machine], unreadable: tuple[LineProblem, ...]
) -> tuple[dict[str, Any], HttpProblem | None]:
    problems = (*unreadable, *plan.problems)
    if problems:
        return {}, file_refused(sorted(problems, key=lambda each: each.line))
    counts = {deed: plan.count(deed) for deed in get_args(Deed)}
    return {**counts, "plan": plan.fingerprint, "generation": None}, None


def _there(found: Found | None) -> Found:
    if found is None:
        raise AssertionError("read, looked at, planned, written: in this order")
    return found
