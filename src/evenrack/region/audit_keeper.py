"""Removes old rows of the audit log, and keys of requests that are forgotten.

A batch at a time; every process does, now and then.
"""

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.database.audit_store import MOST_TRIMMED, trim_audit
from evenrack.region.database.engine import Connection, Database
from evenrack.region.database.request_keys import MOST_TRIMMED as MOST_KEYS_TRIMMED
from evenrack.region.database.request_keys import trim_keys
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 3600.0
NEXT_BATCH_SECONDS = 1.0
"""A table that was never trimmed shrinks by a batch a second, which nobody feels."""


class AuditKeeper(MultiService):
    """Keeps the audit log for so many days, and keys for as long as they count."""

    log = Logger()

    def __init__(self, database: Database, clock: IReactorTime, *, keep_days: int) -> None:
        super().__init__()
        self._database = database
        self._keep_days = keep_days
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    async def _look(self) -> None:
        try:
            removed, keys = await self._database.run(self._trim)
        except (DatabaseUnreachable, SchemaMismatch):
            return  # there is time
        if removed:
            self.log.info(
                "removed {count} rows of the audit log that were older than {days} days",
                count=removed,
                days=self._keep_days,
            )
        if removed == MOST_TRIMMED or keys == MOST_KEYS_TRIMMED:
            self._looking.trigger_in(NEXT_BATCH_SECONDS)

    def _trim(self, connection: Connection) -> tuple[int, int]:
        return trim_audit(connection, keep_days=self._keep_days), trim_keys(connection)
