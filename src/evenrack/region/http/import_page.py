"""The address that takes a CSV file of reservations: all of it is written, or nothing.

The file comes in one body, since one transaction decides about all of it. Whatever takes long is
done beside the reactor's thread, and without a lock that the leader or another change waits for.
"""

from collections.abc import Iterable
from typing import Any

from attrs import define, field
from twisted.internet.defer import DeferredLock

from evenrack.errors import OutcomeUnknown
from evenrack.model.csv_lines import MOST_BYTES, FileRefused, LineProblem, read_lines
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.reservation_import import Wanted, plan_import
from evenrack.region.database.engine import Connection
from evenrack.region.database.import_store import (
    InventoryMoved,
    Picture,
    Statements,
    read_picture,
    statements_of,
    write_import,
)
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.inventory_json import RESERVATIONS
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import bad_request, outcome_unknown
from evenrack.region.http.operations import (
    Asked,
    Declared,
    DeclaredPage,
    FileBody,
    Operation,
    any_text,
    yes_or_no,
)
from evenrack.region.http.shapes import COUNT, GENERATION, TEXT, object_of
from evenrack.runtime.collection import without_collection
from evenrack.runtime.thinking import Think

COLUMNS = {name: RESERVATIONS.fields[name] for name in ("mac", "address", "hostname")}
READING_SECONDS = 20.0
WRITING_SECONDS = 10.0
ATTEMPTS = 5
"""Plans that are made anew because the inventory was changed meanwhile."""
FORGOTTEN_AT_ONCE = 1_000
MOST_TOLD = 5_000
"""Problems in one answer; how many there are is always told."""

_IMPORT = Operation(
    summary="Take a CSV file of reservations: all of its lines, or none",
    file=FileBody(content_type="text/csv", most_bytes=MOST_BYTES),
    arguments={
        "vlan": any_text("every address has to be on this VLAN"),
        "plan": yes_or_no("only say what would be changed"),
        "planned": any_text("only if this is still the `plan` that was answered before"),
    },
    answer=object_of(
        new=COUNT, changed=COUNT, same=COUNT, plan=TEXT, generation=or_null(GENERATION)
    ),
    problems=(409,),
)


def import_page(door: DatabaseDoor, think: Think) -> DeclaredPage:
    """Make the page below the list of reservations."""
    declared = Declared(operation=_IMPORT, answer=_Import(door, think).answer)
    return DeclaredPage({"POST": declared}, access=OPERATE)


class _Import:
    """Reads, plans and writes."""

    def __init__(self, door: DatabaseDoor, think: Think) -> None:
        self._door = door
        self._think = think
        self._one_at_a_time = DeferredLock()  # each keeps a processor busy

    async def answer(self, query: Query, asked: Asked) -> dict[str, Any]:
        await self._one_at_a_time.acquire()
        work = _Work(vlan=asked.arguments["vlan"])
        try:
            with without_collection():
                return await self._import(work, query, asked)
        except FileRefused as problem:
            raise _refused(problem.problems) from None
        except NoSuchObject as problem:
            raise bad_request(f"vlan: {problem}") from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None
        finally:
            await self._think(work.drop)
            self._one_at_a_time.release()

    async def _import(self, work: "_Work", query: Query, asked: Asked) -> dict[str, Any]:
        await self._think(lambda: work.read(query.body))
        for _ in range(ATTEMPTS):
            await self._door.read(work.look, seconds=READING_SECONDS)
            form, problem = await self._think(work.plan)
            if problem is not None:
                raise problem
            if asked.arguments["plan"]:
                return form
            if asked.arguments["planned"] not in {None, form["plan"]}:
                raise _changed("this would not do what was planned any more; plan it again")
            if not form["new"] + form["changed"]:
                return form
            try:
                number = await self._write(work, query, form)
            except InventoryMoved:
                continue
            return {**form, "generation": str(number)}
        raise _changed("others change it all the time; try again")

    async def _write(self, work: "_Work", query: Query, form: dict[str, Any]) -> FleetNumber:
        if query.asked is not None:
            # the file itself is too much for the audit log
            query.asked.data = {**query.asked.data, **form}
        return await self._door.change(work.write, query.asked, seconds=WRITING_SECONDS)


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
        lines = read_lines(body, COLUMNS, required=RESERVATIONS.required)
        self._problems = lines.problems
        self._wanted = [Wanted(line=row.line, **row.values) for row in lines.rows]

    def look(self, connection: Connection) -> None:
        """Read the inventory; NoSuchObject."""
        self._picture = read_picture(connection, self._wanted, self.vlan)

    def plan(self) -> tuple[dict[str, Any], HttpProblem | None]:
        """Give what would be done, or HttpProblem 422 with all that is wrong, in any line."""
        picture = self._seen
        plan = plan_import(picture.vlans, self._wanted, only=picture.only)
        problems = (*self._problems, *plan.problems)
        if problems:
            return {}, _refused(sorted(problems, key=lambda each: each.line))
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


def _refused(problems: Iterable[LineProblem]) -> HttpProblem:
    told = list(problems)
    left = len(told) - MOST_TOLD
    more = f"; the first {MOST_TOLD} of them are told" if left > 0 else ""
    several = f"{len(told)} problems, see errors{more}"
    return HttpProblem(
        status=422,
        code="FieldsRefused",
        title="The file cannot be imported; nothing was changed",
        detail=told[0].sentence if len(told) == 1 else several,
        more={
            "count": len(told),
            "errors": [
                {"line": each.line, "field": each.field, "detail": each.sentence}
                for each in told[:MOST_TOLD]
            ],
        },
    )


def _changed(why: str) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="InventoryMoved",
        title="The inventory has changed meanwhile; nothing was changed by this",
        detail=f"the inventory has changed meanwhile: {why}",
    )
