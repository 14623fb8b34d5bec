"""Removes old rows of the audit log, a batch at a time; every process does, now and then."""

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.database.audit_store import MOST_TRIMMED, trim_audit
from evenrack.region.database.engine import Database
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 3600.0
NEXT_BATCH_SECONDS = 1.0
"""A table that was never trimmed shrinks by a batch a second, which nobody feels."""


class AuditKeeper(MultiService):
    """Keeps the audit log for so many days."""

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
            removed = await self._database.run(lambda c: trim_audit(c, keep_days=self._keep_days))
        except (DatabaseUnreachable, SchemaMismatch):
            return  # there is time
        if removed:
            self.log.info(
                "removed {count} rows of the audit log that were older than {days} days",
                count=removed,
                days=self._keep_days,
            )
        if removed == MOST_TRIMMED:
            self._looking.trigger_in(NEXT_BATCH_SECONDS)
