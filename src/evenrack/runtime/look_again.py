"""Run one piece of work whenever something may have changed.

A trigger carries no data: the work reads the whole state each time, so a
lost, doubled or late trigger does no harm.
"""

from collections.abc import Awaitable, Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger


class LookAgain(Service):
    """Work that runs once at a time, soon after a trigger, and also every ``at_least_every``.

    Triggers are gathered for a moment. With ``first_at_once`` one that comes when there was no turn
    for that long is not kept waiting, and turns are still no closer together.
    """

    log = Logger()

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        clock: IReactorTime,
        *,
        gather_seconds: float,
        at_least_every: float,
        first_at_once: bool = False,
    ) -> None:
        self._work = work
        self._clock = clock
        self._gather_seconds = gather_seconds
        self._at_least_every = at_least_every
        self._first_at_once = first_at_once
        self._next_run: IDelayedCall | None = None
        self._busy = False
        self._turn: Deferred[None] | None = None
        self._triggered_while_busy = False
        self._at_latest = at_least_every
        self._not_before = float("-inf")
        self._ended_at = float("-inf")

    def startService(self) -> None:
        super().startService()
        self.trigger()

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        self._cancel_next_run()
        return self._turn if self._busy else None

    def trigger(self) -> None:
        """Ask for one more look; several asks close together cost one."""
        if not self.running:
            return
        if self._busy:
            self._triggered_while_busy = True
            return
        self._run_after(self._gathering())

    def trigger_in(self, seconds: float) -> None:
        """Ask for a look at the latest in this many seconds, when it is known that one is due."""
        if not self.running:
            return
        if self._busy:
            self._at_latest = min(self._at_latest, seconds)
            return
        self._run_after(seconds)

    def _gathering(self) -> float:
        """Give for how long a trigger is to wait for others."""
        if not self._first_at_once:
            return self._gather_seconds
        return max(0.0, self._ended_at + self._gather_seconds - self._clock.seconds())

    def _run_after(self, seconds: float) -> None:
        now = self._clock.seconds()
        due = max(now + seconds, self._not_before)
        if self._next_run is not None:
            if self._next_run.getTime() <= due:
                return
            self._next_run.cancel()
        self._next_run = self._clock.callLater(due - now, self._run)

    def _run(self) -> None:
        self._next_run = None
        self._triggered_while_busy = False
        self._at_latest = self._at_least_every
        self._busy = True  # before the work starts: it may finish at once
        self._turn = Deferred.fromCoroutine(self._run_once())

    async def _run_once(self) -> None:
        try:
            await self._work()
        except Exception:  # noqa: BLE001  the loop must outlive one bad turn
            self.log.failure("turn failed; looking again later")
            # one that always fails must not fill the log
            self._not_before = self._clock.seconds() + min(1.0, self._at_least_every)
        self._busy = False
        self._ended_at = self._clock.seconds()
        if self.running:
            soon = self._triggered_while_busy
            wait = self._gather_seconds if soon else min(self._at_least_every, self._at_latest)
            self._run_after(wait)

    def _cancel_next_run(self) -> None:
        if self._next_run is not None:
            self._next_run.cancel()
            self._next_run = None
