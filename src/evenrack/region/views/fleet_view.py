"""The newest reading of the fleet; the last known one while the database is away."""

from collections.abc import Awaitable, Callable

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.model.fleet import Fleet, Leadership
from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.runtime.look_again import LookAgain

ANSWER_SECONDS = 2.0
"""A database that takes longer to answer one reading counts as unreachable."""

REMEMBER_SECONDS = 10.0
"""How old the last known reading may be when the database goes away and nobody had asked."""

NOTHING_KNOWN = Fleet(leadership=Leadership(number=BEFORE_ALL, epoch=0))


@frozen
class View:
    """A reading, and why it is not of this moment (None when it is)."""

    fleet: Fleet
    problem: str | None


class FleetView(MultiService):
    """Reads once for all who ask at the same time."""

    answer_seconds = ANSWER_SECONDS

    def __init__(self, database: Database, cache: FleetCache, clock: IReactorTime) -> None:
        super().__init__()
        self._database = database
        self._cache = cache
        self._clock = clock
        self._last = NOTHING_KNOWN
        self._waiting: list[Deferred[View]] = []
        self._reading = False
        self.trouble: Callable[[], str | None] = _none_known
        """Why changes do not get through though the database can be read."""
        LookAgain(
            self._remember, clock, gather_seconds=1.0, at_least_every=REMEMBER_SECONDS
        ).setServiceParent(self)

    async def look(self) -> View:
        """Give the fleet as it is now, or as it was last known with the reason."""
        mine: Deferred[View] = Deferred()
        self._waiting.append(mine)
        mine.addTimeout(self.answer_seconds, self._clock)
        if not self._reading:
            self._reading = True
            Deferred.fromCoroutine(self._read())
        try:
            return await mine
        except DeferredTimeout:
            return View(self._last, f"PostgreSQL gave no answer within {self.answer_seconds:.0f} s")

    async def _remember(self) -> None:
        await self.look()

    async def _read(self) -> None:
        """Read for all who wait. Who comes meanwhile has perhaps written since: the next is his."""
        try:
            while waiting := [each for each in self._waiting if not each.called]:
                self._waiting = []
                view = await self._newest()
                for mine in waiting:
                    if not mine.called:
                        mine.callback(view)
        finally:
            self._reading = False

    async def _newest(self) -> View:
        try:
            self._last = await self._database.read(self._cache.read)
        except (DatabaseUnreachable, SchemaMismatch) as problem:
            return View(self._last, str(problem))
        return View(self._last, self.trouble())


def _none_known() -> None:
    """Know of no trouble until the real database is wired in."""


Look = Callable[[], Awaitable[View]]
