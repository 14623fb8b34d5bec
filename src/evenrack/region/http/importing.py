"""How a CSV file is imported: all of it is written, or nothing.

The file comes in one body, since one transaction decides about all of it. Whatever takes long is
done beside the reactor's thread, and without a lock that the leader or another change waits for.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.internet.defer import DeferredLock

from evenrack.errors import KeyMissing, OutcomeUnknown
from evenrack.model.csv_lines import MOST_BYTES, FileRefused, LineProblem
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.engine import Connection
from evenrack.region.database.import_store import InventoryMoved
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import key_missing, outcome_unknown
from evenrack.region.http.operations import (
    Argument,
    Asked,
    FileBody,
    Operation,
    any_text,
    yes_or_no,
)
from evenrack.region.http.shapes import COUNT, GENERATION, TEXT, object_of
from evenrack.runtime.collection import without_collection
from evenrack.runtime.thinking import Think

READING_SECONDS = 20.0
WRITING_SECONDS = 10.0
ATTEMPTS = 5
"""Plans that are made anew because the inventory was changed meanwhile."""
MOST_TOLD = 5_000
"""Problems in one answer; how many there are is always told."""


def import_operation(summary: str, *, has_secrets: bool = False, **more: Argument) -> Operation:
    """Declare the import of one kind of objects."""
    return Operation(
        summary=summary,
        file=FileBody(content_type="text/csv", most_bytes=MOST_BYTES, has_secrets=has_secrets),
        arguments={
            **more,
            "plan": yes_or_no("only say what would be changed"),
            "planned": any_text("only if this is still the `plan` that was answered before"),
        },
        answer=object_of(
            new=COUNT, changed=COUNT, same=COUNT, plan=TEXT, generation=or_null(GENERATION)
        ),
        problems=(409,),
    )


class ImportWork(Protocol):
    """All that is made of one file. Only other threads touch it, also when it is forgotten.

    To free very many objects at once holds up every thread, so what is not needed goes soon.
    """

    def read(self, body: bytes) -> None:
        """Read the file; FileRefused."""

    def look(self, connection: Connection) -> None:
        """Read the inventory."""

    def plan(self) -> tuple[dict[str, Any], HttpProblem | None]:
        """Give what would be done, or HttpProblem 422 with all that is wrong, in any line."""

    def write(self, connection: Connection) -> FleetNumber:
        """Write what was planned; InventoryMoved."""

    def drop(self) -> None:
        """Forget everything."""


class Importing:
    """Reads, plans and writes, one file after the other."""

    def __init__(
        self, door: DatabaseDoor, think: Think, work_for: Callable[[Asked], ImportWork]
    ) -> None:
        self._door = door
        self._work_for = work_for
        self._think = think
        self._one_at_a_time = DeferredLock()  # each keeps a processor busy

    async def answer(self, query: Query, asked: Asked) -> dict[str, Any]:
        await self._one_at_a_time.acquire()
        work = self._work_for(asked)
        try:
            with without_collection():
                try:
                    return await self._import(work, query, asked)
                finally:  # before a collection would look at all of it, in any thread
                    await self._think(work.drop)
        except FileRefused as problem:
            raise file_refused(problem.problems) from None
        except KeyMissing as problem:
            raise key_missing(problem) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None
        finally:
            self._one_at_a_time.release()

    async def _import(self, work: ImportWork, query: Query, asked: Asked) -> dict[str, Any]:
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
                return await self._write(work, query, form)
            except InventoryMoved:
                continue
        raise _changed("others change it all the time; try again")

    async def _write(self, work: ImportWork, query: Query, form: dict[str, Any]) -> dict[str, Any]:
        if query.asked is not None:
            # the file itself is too much for the audit log
            query.asked.data = {**query.asked.data, **form}

        def write(connection: Connection) -> dict[str, Any]:
            return {**form, "generation": str(work.write(connection))}

        return await self._door.change(write, query.asked, seconds=WRITING_SECONDS)


def file_refused(problems: Iterable[LineProblem]) -> HttpProblem:
    """Say what is wrong in which line."""
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
