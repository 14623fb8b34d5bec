"""Many small writes that come at once become one statement, and each still hears when it is done.

When a region process dies each of its racks says so to every other process, and then each says
that it follows its new plan.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from evenrack.errors import DatabaseUnreachable
from evenrack.runtime.look_again import LookAgain

GATHER_SECONDS = 0.01
"""Racks notice a death within a few milliseconds of each other; all of them are waited for."""

MOST_IN_BATCH = 1_000

FactT = TypeVar("FactT", bound=Hashable)


class BatchedWrites(MultiService, Generic[FactT]):
    """Gathers facts and writes them, one batch at a time, in the order in which they came."""

    def __init__(
        self, write: Callable[[Sequence[FactT]], Awaitable[None]], clock: IReactorTime
    ) -> None:
        super().__init__()
        self._write = write
        self._waiting: dict[FactT, list[Deferred[None]]] = {}
        self._writing = LookAgain(
            self._write_batch, clock, gather_seconds=GATHER_SECONDS, at_least_every=1.0
        )
        self._writing.setServiceParent(self)

    async def add(self, fact: FactT) -> None:
        """Return when the fact is written, or raise what came of it: DatabaseUnreachable mostly."""
        if not self.running:
            raise _stopped()
        written: Deferred[None] = Deferred()
        self._waiting.setdefault(fact, []).append(written)
        self._writing.trigger()
        await written

    def stopService(self) -> Deferred[None]:
        """Write no more than is being written, and say so to everyone who waits for his turn."""
        stopping: Deferred[None] = super().stopService()
        for fact in list(self._waiting):
            for written in self._waiting.pop(fact):
                written.errback(_stopped())
        return stopping

    async def _write_batch(self) -> None:
        facts = list(self._waiting)[:MOST_IN_BATCH]
        if not facts:
            return
        waiting = [written for fact in facts for written in self._waiting.pop(fact)]
        try:
            await self._write(facts)
        except Exception as problem:  # noqa: BLE001  each of them asked for it, and hears it
            for written in waiting:
                written.errback(problem)
            return
        for written in waiting:
            written.callback(None)
        if self._waiting:
            self._writing.trigger()


def _stopped() -> DatabaseUnreachable:
    return DatabaseUnreachable("this process is stopping and writes nothing any more")
