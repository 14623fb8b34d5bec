"""Believes racks that links of theirs are gone: many such words become one statement.

When a region process dies each of its racks says so to every other process, all at once.
"""

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from evenrack.errors import DatabaseUnreachable
from evenrack.model.identifiers import LinkId, RackId
from evenrack.region.database.connection_store import record_lost_links
from evenrack.region.database.engine import Database
from evenrack.runtime.look_again import LookAgain

GATHER_SECONDS = 0.01
"""Racks notice within a few milliseconds of each other; every one of them is waited for."""

MOST_IN_BATCH = 5_000


class LostLinks(MultiService):
    """Gathers what racks say, and writes it, one batch at a time."""

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        super().__init__()
        self._database = database
        self._said: dict[tuple[RackId, LinkId], list[Deferred[None]]] = {}
        self._writing = LookAgain(
            self._write, clock, gather_seconds=GATHER_SECONDS, at_least_every=1.0
        )
        self._writing.setServiceParent(self)

    async def believe(self, rack: RackId, link: LinkId) -> None:
        """Return when it is written; DatabaseUnreachable when it could not be."""
        written: Deferred[None] = Deferred()
        self._said.setdefault((rack, link), []).append(written)
        self._writing.trigger()
        await written

    async def _write(self) -> None:
        said = list(self._said)[:MOST_IN_BATCH]
        if not said:
            return
        waiting = [written for each in said for written in self._said.pop(each)]
        try:
            await self._database.run(lambda c: record_lost_links(c, said))
        except DatabaseUnreachable as problem:
            for written in waiting:
                written.errback(problem)
            return
        for written in waiting:
            written.callback(None)
        if self._said:
            self._writing.trigger()
