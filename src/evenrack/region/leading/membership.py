"""A process's place among its fellows: it registers, beats, and judges the others' beats."""

from collections.abc import Callable
from datetime import datetime, timedelta

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from evenrack.config.region_config import RegionLiveness
from evenrack.errors import DatabaseUnreachable, DeclaredDead
from evenrack.model.clock_gap import recorded_anew, surely_ahead
from evenrack.model.identifiers import LinkId, ProcessId, RackId
from evenrack.region.database.engine import Connection, Database
from evenrack.region.database.process_store import (
    Beats,
    Incarnation,
    Registration,
    beat,
    mark_off,
    register,
)
from evenrack.region.leading.beat_judge import BeatJudge

FRESH_BEAT_SECONDS = 2.0
"""A lease is granted only while the last beat is younger: it has surely ended before others act."""

RECONNECT_SECONDS = 6.0
"""How much later than this process another may find the database again: a session notices after
5 s that it was cut off, and the next try may begin just before the cable is back."""


class Membership(Service):
    """Keeps this process registered, in a new incarnation whenever the others gave it up."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        registration: Registration,
        clock: IReactorTime,
        wall_clock: Callable[[], datetime],
        liveness: RegionLiveness,
    ) -> None:
        self._database = database
        self._registration = registration
        self._clock = clock
        self._wall_clock = wall_clock
        self._liveness = liveness
        self._beats = database.own_connection("beat")
        self._me: Incarnation | None = None
        self._judge = BeatJudge(
            dead_after_seconds=liveness.dead_after_seconds,
            most_seconds_between_reads=1.5 * liveness.beat_seconds,
            grace_seconds=RECONNECT_SECONDS,
        )
        self._managed: frozenset[RackId] = frozenset()
        self._beat_at = float("-inf")
        self._registering = False
        self._clock_ahead: float | None = None
        self.database_problem: str | None = None
        """Why the last beat failed; None while beats go through."""
        self.on_new_incarnation: Callable[[], None] = _nothing
        self.on_database_back: Callable[[], None] = _nothing
        """It may be another one than before, or an older one."""
        self.on_beat: Callable[[dict[LinkId, RackId]], None] = _one_ignored

    @property
    def me(self) -> Incarnation:
        """The process in its present incarnation; DatabaseUnreachable before the first."""
        if self._me is None:
            raise DatabaseUnreachable("this process has not registered yet")
        return self._me

    @property
    def process(self) -> ProcessId:
        """The process's id, known before it has registered."""
        return self._registration.process

    @property
    def clock_ahead(self) -> float:
        """Give by how many seconds this host's clock is ahead of the database's; 0 at first."""
        return self._clock_ahead or 0.0

    def database_clock(self) -> datetime | None:
        """Tell what the database's clock says now, by this host's; None before it was compared."""
        if self._clock_ahead is None:
            return None
        return self._wall_clock() - timedelta(seconds=self._clock_ahead)

    async def join(self) -> None:
        """Register for the first time and begin to beat; DatabaseUnreachable when it cannot."""
        self._me = await self._database.run(lambda c: register(c, self._registration))
        self._beats.repeat(
            self._liveness.beat_seconds,
            self._beat_once,
            answered=self._beat_answered,
            failed=self._beat_failed,
        )

    async def leave(self) -> None:
        """Stop beating and say so to the others, when the database can be told."""
        await self._beats.close()
        if self._me is None:
            return
        me, self._me = self._me, None
        try:
            await self._database.run(lambda c: mark_off(c, me))
        except DatabaseUnreachable as problem:
            self.log.warn("the others were not told of the stop: {problem}", problem=str(problem))

    def grants_lease(self, rack: RackId) -> bool:
        """Tell whether this process surely manages the rack now: by a beat that is still fresh."""
        fresh = self._clock.seconds() - self._beat_at < FRESH_BEAT_SECONDS
        return fresh and rack in self._managed

    def silent(self) -> list[tuple[Incarnation, int]]:
        """Give the other processes that are dead by this one's observation."""
        return [
            (Incarnation(process=process, incarnation=incarnation), number)
            for process, (incarnation, number) in self._judge.silent().items()
            if process != self.process
        ]

    def _beat_once(self, connection: Connection) -> tuple[float, Beats]:
        began = self._clock.seconds()  # before it is sent: the lease counts from here
        asked = self._wall_clock()
        beats = beat(connection, self.me, clock_ahead=self._clock_ahead)
        ahead = surely_ahead(asked, beats.clock, self._wall_clock())
        self._clock_ahead = recorded_anew(self._clock_ahead, ahead)  # with the next beat
        return began, beats

    def _beat_answered(self, answer: tuple[float, Beats]) -> None:
        began, beats = answer
        if self.database_problem is not None:
            self.database_problem = None
            self.log.info("the database answers again")
            self.on_database_back()
        self._beat_at = began
        self._managed = beats.managed
        self._judge.saw(self._clock.seconds(), beats.server, beats.beats)
        self.on_beat(dict(beats.links))

    def _beat_failed(self, failure: Failure) -> None:
        self._judge.was_blind()
        self._managed = frozenset()
        if failure.check(DeclaredDead):
            if not self._registering:
                self._registering = True
                Deferred.fromCoroutine(self._register_anew())
            return
        if not failure.check(DatabaseUnreachable):
            self.log.failure("beat failed", failure=failure)
        if self.database_problem is None:
            self.log.warn("no beat: {problem}", problem=failure.getErrorMessage())
        self.database_problem = failure.getErrorMessage()

    async def _register_anew(self) -> None:
        before = self._me
        try:
            self._me = await self._database.run(lambda c: register(c, self._registration))
        except DatabaseUnreachable as problem:
            self.log.warn("could not register anew: {problem}", problem=str(problem))
        else:
            self.log.warn(
                "the others gave up {before}; registered anew as incarnation {incarnation}",
                before=str(before),
                incarnation=self._me.incarnation,
            )
            self.on_new_incarnation()
        finally:
            self._registering = False


def _nothing() -> None:
    """Do nothing until the service wires a listener in."""


def _one_ignored(_links: dict[LinkId, RackId]) -> None:
    """Do nothing until the service wires a listener in."""
