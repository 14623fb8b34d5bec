"""Who leads: at most one process, by the fence; soon after a death, by the lock."""

from twisted.logger import Logger

from evenrack.model.fleet import Leadership
from evenrack.region.database.engine import Database
from evenrack.region.database.leader_store import (
    TakeOver,
    end_session,
    read_leadership,
    take_over,
    try_lock,
    unlock,
)
from evenrack.region.database.notify import notify
from evenrack.region.database.process_store import Incarnation

LOCK_PURPOSE = "leader lock"


class LeaderSeat:
    """A process's claim to lead; `epoch` is the fence while it holds the seat."""

    log = Logger()

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = database.own_connection(LOCK_PURPOSE)
        self._lock_backend = 0
        self.epoch: int | None = None

    async def close(self) -> None:
        """Give up the lock's session, so that another process need not wait."""
        self.epoch = None
        await self._lock.close()

    def step_down(self) -> None:
        """Lead no more: the fence said that another does."""
        self.epoch = None

    def is_kept(self, seen: Leadership, me: Incarnation, silent: set[Incarnation]) -> bool:
        """Tell whether this process leads on: it has the seat, and is not to leave it."""
        return (
            seen.epoch == self.epoch
            and _holder(seen) == me
            and not _is_to_leave_it(seen, me, silent)
        )

    async def try_to_lead(self, me: Incarnation, *, silent: set[Incarnation]) -> TakeOver | None:
        """Keep the seat, or take it when it is free; a TakeOver only when it was just taken.

        Nothing of the two while this process is to leave it to another that can lead.

        The seat is free when its holder has lost the lock to this process, is `silent`, or is not
        recorded as running any more. Who stepped down because the database was away is still its
        holder, and takes it again: the server may not have noticed that the session with the lock
        is gone.
        """
        seen = await self._database.run(read_leadership)
        if _is_to_leave_it(seen, me, silent):
            await self._hand_over()
            return None
        backend = await self._lock.run(try_lock)
        fresh_lock = backend is not None and backend != self._lock_backend
        self._lock_backend = backend or 0
        holder = _holder(seen)
        if self.epoch is not None and (seen.epoch != self.epoch or holder != me):
            self.step_down()
        if self.epoch is not None and not fresh_lock:
            return None
        holder_gone = holder in silent or (holder is not None and not seen.holder_runs)
        if backend is None and holder != me and not holder_gone:
            return None
        return await self._take(me, seen)

    async def _hand_over(self) -> None:
        """Give up the seat and the lock, and let the others look at once who takes it."""
        led, self.epoch = self.epoch, None
        had_lock, self._lock_backend = self._lock_backend, 0
        if led is not None:
            self.log.info("leading no more after epoch {epoch}: another is to lead", epoch=led)
        if had_lock:
            await self._lock.run(unlock)
            await self._database.run(lambda c: notify(c, "leader"))

    async def _take(self, me: Incarnation, seen: Leadership) -> TakeOver | None:
        backend = self._lock_backend
        won = await self._database.run(
            lambda c: take_over(
                c,
                seen_epoch=seen.epoch,
                process=me.process,
                incarnation=me.incarnation,
                lock_backend=backend,
            )
        )
        if won is None:
            return None
        self.epoch = won.epoch
        self.log.info(
            "leading in epoch {epoch}; before: {holder}", epoch=won.epoch, holder=seen.holder
        )
        if not backend and seen.lock_backend and seen.holder is not None:
            name = f"{seen.holder} {LOCK_PURPOSE}"
            await self._database.run(lambda c: end_session(c, seen.lock_backend, name))
        return won


def _is_to_leave_it(seen: Leadership, me: Incarnation, silent: set[Incarnation]) -> bool:
    """Tell whether another can lead, and this process shall not: it is stopped, or was told so."""
    can_lead = {Incarnation(process=name, incarnation=number) for name, number in seen.candidates}
    wanted = me not in can_lead or (seen.is_to_step_down and _holder(seen) == me)
    return wanted and bool(can_lead - {me} - silent)


def _holder(seen: Leadership) -> Incarnation | None:
    if seen.holder is None:
        return None
    return Incarnation(process=seen.holder, incarnation=seen.holder_incarnation)
