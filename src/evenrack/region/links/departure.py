"""How a process goes that is being stopped: it says so, and waits until others have its work.

The leader then moves its racks as it does for any drain, and a leader hands its seat over first. So
nothing is without an owner, not even for the moment in which others would notice.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.balance.draining import racks_to_wait_for
from evenrack.errors import DatabaseUnreachable
from evenrack.model.fleet import Fleet
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.process_store import Incarnation, say_leaving

Answer = TypeVar("Answer")

MOST_SECONDS = 4.0
"""Longer it does not wait for the others; they also take over what is left without being asked."""

ANSWER_SECONDS = 1.0
"""A database that answers later than this is not waited for."""

LOOK_SECONDS = 0.1


class Departure:
    """The last thing that a process does while everything in it still works."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        cache: FleetCache,
        me: Callable[[], Incarnation],
        clock: IReactorTime,
    ) -> None:
        self._database = database
        self._cache = cache
        self._me = me
        self._clock = clock
        self._leaving: Deferred[None] | None = None
        self._left = "not known yet"

    async def wait(self) -> None:
        """Return when others have everything, or when waiting any longer is of no use."""
        try:
            me = self._me()
        except DatabaseUnreachable:
            return  # it has never come so far that it could have anything
        self._leaving = Deferred.fromCoroutine(self._leave(me))
        self._leaving.addTimeout(MOST_SECONDS, self._clock)
        try:
            await self._leaving
        except DatabaseUnreachable as problem:
            self.log.warn("stopping without a word to the others: {why}", why=str(problem))
        except DeferredTimeout:
            self.log.warn(
                "stopping after {seconds:.0f} s although others have not taken over {what}",
                seconds=MOST_SECONDS,
                what=self._left,
            )
        except CancelledError:
            self.log.warn("stopping at once, as was asked for; left is {what}", what=self._left)
        finally:
            self._leaving = None

    def hurry(self) -> None:
        """Wait no longer: who stops this process has asked for a second time."""
        if self._leaving is not None:
            self._leaving.cancel()

    async def _leave(self, me: Incarnation) -> None:
        await self._answered(self._database.run(lambda c: say_leaving(c, me)))
        self.log.info("leaving: others take over what this process manages")
        while True:
            reading = self._database.read(self._cache.read_without_answers)
            fleet = await self._answered(reading)
            left = _left(fleet, me)
            if not left:
                return
            self._left = ", ".join(left[:5]) + (", .." if len(left) > 5 else "")  # noqa: PLR2004
            await deferLater(self._clock, LOOK_SECONDS)

    async def _answered(self, asked: Awaitable[Answer]) -> Answer:
        waiting: Deferred[Answer] = Deferred.fromCoroutine(_awaited(asked))
        waiting.addTimeout(ANSWER_SECONDS, self._clock)
        try:
            return await waiting
        except DeferredTimeout:
            raise DatabaseUnreachable(
                f"PostgreSQL gave no answer within {ANSWER_SECONDS:.0f} s"
            ) from None


def _left(fleet: Fleet, me: Incarnation) -> list[str]:
    """Give what others can and will take over, but have not; nothing when nobody else is there."""
    leadership = fleet.leadership
    others = {process for process, _ in leadership.candidates} - {me.process}
    if not others:
        return []
    seat = ["the leader's seat"] if leadership.holder == me.process else []
    return [*seat, *(burden.why for burden in racks_to_wait_for(fleet, me.process))]


async def _awaited(answer: Awaitable[Answer]) -> Answer:
    return await answer
