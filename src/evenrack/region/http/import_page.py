"""The address that takes a CSV file of reservations."""

from typing import Any

from attrs import define, field

from evenrack.model.csv_lines import LineProblem, Read, read_lines
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.reservation_import import Wanted, plan_import
from evenrack.region.database.engine import Connection
from evenrack.region.database.import_store import (
    Picture,
    Statements,
    read_picture,
    statements_of,
    write_import,
)
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.importing import Importing, file_refused, import_operation
from evenrack.region.http.inventory_json import RESERVATIONS
from evenrack.region.http.json_pages import HttpProblem
from evenrack.region.http.object_pages import bad_request
from evenrack.region.http.operations import Declared, DeclaredPage, any_text
from evenrack.runtime.thinking import Think


def _or_none(read: Read) -> Read:
    """Take an empty value for none: a line names its machine in one of two columns."""
    return lambda text: read(text) if text else None


COLUMNS: dict[str, Read] = {
    **{name: _or_none(RESERVATIONS.fields[name]) for name in ("mac", "duid")},
    **{name: RESERVATIONS.fields[name] for name in ("address", "hostname")},
}
FORGOTTEN_AT_ONCE = 1_000

_IMPORT = import_operation(
    "Take a CSV file of reservations: all of its lines, or none",
    vlan=any_text("every address has to be on this VLAN"),
)


def import_page(door: DatabaseDoor, think: Think) -> DeclaredPage:
    """Make the page below the list of reservations."""
    importing = Importing(door, think, lambda asked: _Work(vlan=asked.arguments["vlan"]))
    declared = Declared(operation=_IMPORT, answer=importing.answer)
    return DeclaredPage({"POST": declared}, access=OPERATE)


@define(kw_only=True)
class _Work:
    """All that is made of one file. Only other threads touch it, also when it is forgotten.

    To free very many objects at once holds up every thread, so what is not needed goes soon.
    """

    vlan: str | None
    _problems: tuple[LineProblem, ...] = ()
    _wanted: list[Wanted] = field(factory=list)
    _picture: Picture | None = None
    _statements: Statements | None = None

    def read(self, body: bytes) -> None:
        """Read the file; FileRefused."""
        one_of = ("mac", "duid")
        lines = read_lines(body, COLUMNS, required=RESERVATIONS.required, one_of=one_of)
        self._problems = lines.problems
        self._wanted = [Wanted(line=row.line, **row.values) for row in lines.rows]

    def look(self, connection: Connection) -> None:
        """Read the inventory."""
        try:
            self._picture = read_picture(connection, self._wanted, self.vlan)
        except NoSuchObject as problem:
            raise bad_request(f"vlan: {problem}") from None

    def plan(self) -> tuple[dict[str, Any], HttpProblem | None]:
        """Give what would be done, or HttpProblem 422 with all that is wrong, in any line."""
        picture = self._seen
        plan = plan_import(picture.vlans, self._wanted, only=picture.only)
        problems = (*self._problems, *plan.problems)
        if problems:
            return {}, file_refused(sorted(problems, key=lambda each: each.line))
        counts = {deed: plan.count(deed) for deed in ("new", "changed", "same")}
        self._statements = statements_of(plan.changes)
        return {**counts, "plan": plan.fingerprint, "generation": None}, None

    def write(self, connection: Connection) -> FleetNumber:
        """Write what was planned; InventoryMoved."""
        if self._statements is None:
            raise AssertionError("planned before it is written")
        return write_import(connection, self._statements, self._seen.mark)

    def drop(self) -> None:
        """Forget everything."""
        self._picture = self._statements = None
        while self._wanted:
            del self._wanted[-FORGOTTEN_AT_ONCE:]

    @property
    def _seen(self) -> Picture:
        if self._picture is None:
            raise AssertionError("looked at before it is planned")
        return self._picture
