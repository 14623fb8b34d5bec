"""Sees to it that every change that is asked for gets its row in the audit log, and only one.

A change that is done has its row in the same transaction. All others get theirs right after the
answer; a row that is lost is in this process's log.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import EvenrackError
from evenrack.region.database.audit_store import AuditRow, write_audit
from evenrack.region.database.engine import Connection
from evenrack.region.http.asker import Asker
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.rate_limit import Rate, RateLimit

NOBODY = "nobody"
NO_ROLE = "none"

TOO_MANY = 429

STRANGERS = Rate(per_second=0.5, burst=30)
"""Rows of those who showed no good token or ask too often: they shall not fill the table."""

MOST_WAITING = 500
"""Rows on their way to a database that hangs."""


class KeyClaim(Protocol):
    """The claim of a change to the key with which it is asked for."""

    def take(self, connection: Connection) -> None:
        """Take the key, or raise what is answered instead."""

    def keep(self, connection: Connection, answer: object, status: int) -> None:
        """Keep what is answered."""


@define(kw_only=True)
class AskedChange:
    """A change that somebody asks for, as far as it is known by now."""

    deed: str
    source: str
    asker: Asker | None = None
    """None: nobody that is known."""
    data: Mapping[str, Any] = field(factory=dict)
    recorded: int | None = None
    """The status in its row, once that is in the database."""
    claim: KeyClaim | None = None
    """Where it has a key."""

    def begin(self, connection: Connection) -> None:
        """Take its key, before the change."""
        if self.claim is not None:
            self.claim.take(connection)

    def end(self, connection: Connection, answer: object, status: int) -> None:
        """Write its row and keep its answer, after the change."""
        self.write(connection, status)
        if self.claim is not None:
            self.claim.keep(connection, answer, status)

    def write(self, connection: Connection, status: int) -> None:
        """Write its row, in the transaction that makes the change."""
        write_audit(connection, self._row(status))

    def _row(self, status: int) -> AuditRow:
        return AuditRow(
            who=NOBODY if self.asker is None else self.asker.who,
            role=NO_ROLE if self.asker is None else self.asker.role,
            source=self.source,
            deed=self.deed,
            status=status,
            data=self.data,
        )


class AuditTrail:
    """Writes the rows of changes that were not made."""

    log = Logger()

    def __init__(self, door: DatabaseDoor, clock: IReactorTime) -> None:
        self._door = door
        self._clock = clock
        self._strangers = RateLimit(STRANGERS)
        self._left_out = 0
        self._waiting = 0

    def answered(self, asked: AskedChange, status: int) -> None:
        """Write the row of a change that was answered, unless it has one that says so."""
        if asked.recorded == status:
            return
        if asked.asker is None or status == TOO_MANY:
            if self._strangers.take(NOBODY, self._clock.seconds()):
                self._left_out += 1
                return
            if self._left_out:
                asked.data = {"rows_left_out_before": self._left_out}
                self._left_out = 0
        if self._waiting >= MOST_WAITING:
            self._lost(asked, status, f"{MOST_WAITING} others wait for the database")
            return
        self._waiting += 1
        Deferred.fromCoroutine(self._write(asked, status))

    async def _write(self, asked: AskedChange, status: int) -> None:
        try:
            await self._door.change(lambda connection: asked.write(connection, status))
            asked.recorded = status
        except EvenrackError as problem:
            self._lost(asked, status, str(problem))
        except Exception:  # noqa: BLE001  nobody else would hear of it
            self.log.failure("a row of the audit log was lost: {deed}", deed=asked.deed)
        finally:
            self._waiting -= 1

    def _lost(self, asked: AskedChange, status: int, why: str) -> None:
        self.log.error(
            "a row of the audit log was lost: {deed} of {who} from {source}, answered {status}: "
            "{why}",
            deed=asked.deed,
            who=NOBODY if asked.asker is None else asked.asker.who,
            source=asked.source,
            status=status,
            why=why,
        )
