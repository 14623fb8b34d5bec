"""How answers reach PostgreSQL: in bounded time, and a change is never half known."""

from collections.abc import Awaitable, Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime

from evenrack.errors import DatabaseUnreachable, OutcomeUnknown
from evenrack.region.database.engine import Connection, Database
from evenrack.region.views.fleet_view import ANSWER_SECONDS

Result = TypeVar("Result")


class Recorded(Protocol):
    """What is written down in the same transaction as the change."""

    recorded: int | None
    """The status that was written; None before."""

    def begin(self, connection: Connection) -> None:
        """See before anything is done that it is to be done."""

    def end(self, connection: Connection, answer: object, status: int) -> None:
        """Write it, with what will be answered."""


class DatabaseDoor:
    """Reads and changes for whoever waits for an answer."""

    answer_seconds = ANSWER_SECONDS

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        self._database = database
        self._clock = clock

    async def read(
        self, work: Callable[[Connection], Result], *, seconds: float | None = None
    ) -> Result:
        """Read from one unchanging picture; DatabaseUnreachable when that takes too long."""
        seconds = seconds or self.answer_seconds
        try:
            return await self._in_time(self._database.read(work), seconds)
        except DeferredTimeout:
            raise _no_answer(seconds) from None

    async def change(
        self,
        work: Callable[[Connection], Result],
        asked: Recorded | None = None,
        *,
        status: int = 200,
        seconds: float | None = None,
    ) -> Result:
        """Run one transaction that changes something, with its row in the audit log.

        What `work` gives, and `status`, is what is answered when it is done: that is kept with it,
        for who asks again with the same key. DatabaseUnreachable when it surely was not
        done; OutcomeUnknown when it may have been.
        """
        seconds = seconds or self.answer_seconds
        once = OneChange(work if asked is None else _with_its_row(work, asked, status))
        try:
            done = await self._in_time(self._database.run(once), seconds)
        except DeferredTimeout:
            if once.give_up():
                raise _no_answer(seconds) from None
            raise _unknown() from None
        except DatabaseUnreachable:
            if once.give_up():
                raise
            raise _unknown() from None
        if asked is not None:
            asked.recorded = status
        return done

    async def _in_time(self, answer: Awaitable[Result], seconds: float) -> Result:
        waiting: Deferred[Result] = Deferred.fromCoroutine(_awaited(answer))
        waiting.addTimeout(seconds, self._clock)
        return await waiting


class OneChange(Generic[Result]):
    """A transaction that is committed at most once, and not after it was given up.

    One token decides its fate, whoever takes it first: the thread that is about to commit, or the
    one who waits no longer.
    """

    def __init__(self, work: Callable[[Connection], Result]) -> None:
        self._work = work
        self._token = Lock()

    def __call__(self, connection: Connection) -> Result:
        # given up, or run again after a commit of which nobody knows whether it came through
        if self._token.locked():
            raise _unknown()
        result = self._work(connection)
        if not self._token.acquire(blocking=False):
            raise _unknown()
        return result

    def give_up(self) -> bool:
        """See that it is not done any more; False when it may have been already."""
        return self._token.acquire(blocking=False)


def _with_its_row(
    work: Callable[[Connection], Result], asked: Recorded, status: int
) -> Callable[[Connection], Result]:
    def both(connection: Connection) -> Result:
        asked.begin(connection)
        result = work(connection)
        asked.end(connection, result, status)
        return result

    return both


async def _awaited(answer: Awaitable[Result]) -> Result:
    return await answer


def _no_answer(seconds: float) -> DatabaseUnreachable:
    return DatabaseUnreachable(f"PostgreSQL gave no answer within {seconds:.0f} s")


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "PostgreSQL went away in the middle of the change; see whether it was done before you "
        "repeat it: evenrack events"
    )
