"""Once a minute: compares what is remembered of the fleet with the tables, and tidies up."""

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.database.changes import prune_changes
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.runtime.look_again import LookAgain

KEEP_SECONDS = 60.0
"""Changes are kept for so long, to twice that; everybody reads each second, or else all of it."""


class CacheKeeper(MultiService):
    """Has the cache audited, says what was wrong, and lets go of changes that all have read."""

    log = Logger()

    def __init__(self, database: Database, cache: FleetCache, clock: IReactorTime) -> None:
        super().__init__()
        self._database = database
        self._cache = cache
        self._read_by_all = 0
        LookAgain(
            self._look, clock, gather_seconds=KEEP_SECONDS, at_least_every=KEEP_SECONDS
        ).setServiceParent(self)

    async def _look(self) -> None:
        wrong, self._cache.was_wrong = self._cache.was_wrong, ()
        if wrong:
            self.log.error(
                "the fleet was not as it was remembered, and was read anew: {parts}",
                parts=", ".join(wrong),
            )
        self._cache.audit_next()
        below, self._read_by_all = self._read_by_all, self._cache.oldest
        try:
            await self._database.run(lambda c: prune_changes(c, below))
        except (DatabaseUnreachable, SchemaMismatch):
            return  # the next minute does it
