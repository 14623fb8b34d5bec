"""Carries out one power order, phase by phase; whoever takes it over can go on from any of them.

        NEW ------> OFF_SENT ------> OFF_SEEN ------> ON_SENT ------> ON_SEEN
    look, record, send    look, record      record, send     look, record

`on` has the right half of it and `off` the left one. What to do is decided in `order_steps`.
`soft` and `reset` are sent once: what went wrong then is told, and nothing is sent again. Where the
machine is to start from a device, the BMC is told so before each command: a BMC that refuses has
nothing turned off, and whoever takes the order over need not know whether it was told before.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import BmcBusy, BmcSilent, CannotEverWork, DatabaseUnreachable, EvenrackError
from evenrack.model.power import SENT_ONCE, BootDevice, Phase, PowerOrder, PowerOutcome
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.order_steps import (
    PHASE_AFTER,
    Known,
    Step,
    done,
    may_go_unrecorded,
    must_finish,
    next_step,
    stopped,
)

Record = Callable[[Phase, Phase], Awaitable[bool]]
"""Records that an order goes from one phase to another, or that it sends in the same one again.

True once that is recorded, also when it was before (an answer may have been lost); False when this
attempt has no right to it any more. DatabaseUnreachable: a region process was asked, and has no
database. Any other EvenrackError: nobody could be reached who records it.
"""

LOOK_SECONDS: Final = 1.0
"""From one look to the next."""

LEASE_WAIT_SECONDS: Final = 2.5
"""A beat, a ping, and what they take."""

LEASE_LOOK_SECONDS: Final = 0.1

FINISH_SECONDS: Final = 20.0
"""What a `cycle` has at least, deadline or not, to turn on what it has seen off."""


async def run_order(
    order: PowerOrder,
    driver: PowerDriver,
    record: Record,
    may_act: Callable[[], bool],
    clock: IReactorTime,
    places: DeferredSemaphore | None = None,
) -> PowerOutcome:
    """Bring a machine into the state that is wanted, and say how that ended.

    `may_act` is the rack's lease: asked before each command, and nothing is sent without it. It
    ends `seconds_left` from now, a `cycle` FINISH_SECONDS after it saw the machine off if that is
    later, and both as much later as one conversation with the BMC takes (10 s at most).
    Cancelling it ends a conversation under way, whose command may have been carried out.
    `places` are for conversations: it has one while it looks and acts, and none between two looks,
    but for a `cycle` from when it saw the machine off until the BMC has agreed to turn it on.
    """
    run = _Run(order, driver, record, may_act, clock)
    return await run.to_the_end(places or DeferredSemaphore(1))


class _Run:
    """One attempt at an order."""

    log = Logger()

    def __init__(
        self,
        order: PowerOrder,
        driver: PowerDriver,
        record: Record,
        may_act: Callable[[], bool],
        clock: IReactorTime,
    ) -> None:
        self._order = order
        self._driver = driver
        self._record = record
        self._may_act = may_act
        self._clock = clock
        self._ends = clock.seconds() + order.seconds_left
        self._phase = order.phase
        self._recorded = order.phase
        self._agreed: Phase | None = None
        """In which phase the BMC agreed to the command; it is not told again in that one."""
        self._trouble = ""
        self._known = Known(
            seen="unknown",
            sent=order.phase != "NEW",
            in_doubt=order.phase in {"OFF_SENT", "ON_SENT", "RESET_SENT"},
            next_start=None if order.phase == "NEW" else order.boot,
        )
        self._give_time_to_finish()

    async def to_the_end(self, places: DeferredSemaphore) -> PowerOutcome:
        """Look and act until there is nothing left to do, or no time."""
        await self._wait_for_lease()
        if not self._may_act():
            return self._without_lease()
        while True:
            ended = await places.run(lambda: Deferred.fromCoroutine(self._use_place()))
            if ended is not None:
                return ended
            if not self._has_time():
                return self._out_of_time()
            await deferLater(self._clock, LOOK_SECONDS)

    async def _use_place(self) -> PowerOutcome | None:
        """Look and act once; again at once while a machine is off that must be turned on."""
        ended = await self._try_once()
        while ended is None and self._must_turn_on() and self._has_time():
            await deferLater(self._clock, LOOK_SECONDS)
            ended = await self._try_once()
        return ended

    async def _try_once(self) -> PowerOutcome | None:
        try:
            return await self._look_and_act()
        except CannotEverWork as refused:
            return stopped(self._known, str(refused), retryable=False)
        except EvenrackError as problem:
            self._trouble = str(problem)
            return self._ended_by(problem)

    def _must_turn_on(self) -> bool:
        return must_finish(self._order.action, self._phase) and self._agreed != "ON_SENT"

    async def _wait_for_lease(self) -> None:
        """Wait a moment where nothing was done yet: this rack would count as one that has tried.

        When the database was away for longer than a lease no rack has one, until the beats of the
        regions and the pings of the racks have gone round again.
        """
        if self._phase == "NEW":
            until = min(self._clock.seconds() + LEASE_WAIT_SECONDS, self._ends)
            while not self._may_act() and self._clock.seconds() < until:
                await deferLater(self._clock, LEASE_LOOK_SECONDS)

    async def _look_and_act(self) -> PowerOutcome | None:
        """Do what one look asks for; None when another is needed."""
        await self._look()
        step = self._next_step()
        while step in {"note off", "note on"}:
            if not await self._note(PHASE_AFTER[step]):
                return self._overtaken()
            step = self._next_step()
        if step in {"done", "undone", "unfit"}:
            return self._end(step)
        if step == "look" or self._agreed == PHASE_AFTER[step]:
            return None
        return await self._send(step)

    def _end(self, step: Step) -> PowerOutcome:
        if step == "done" and not (self._phase == "RESET_SENT" and self._known.in_doubt):
            return done(self._known)
        if step == "done":
            why = "it was told to restart, and the answer was lost: nobody knows whether it did"
        elif step == "undone":
            why = f"it was as it should be, and somebody turned it {self._known.seen} again"
        elif self._known.seen == "on":
            why = f"it is on, but not by this order: `cycle` has it start from {self._order.boot}"
        else:
            why = "it is off, and only what is on can be restarted: `on` turns it on"
        return stopped(self._known, why, retryable=False)

    def _ended_by(self, problem: EvenrackError) -> PowerOutcome | None:
        """Say how trouble ends it: what is sent once is not sent again, whatever became of it."""
        if self._order.action not in SENT_ONCE or self._recorded == "NEW":
            return None
        if self._agreed is not None or (self._order.action == "soft" and self._known.in_doubt):
            return None  # a look failed, or it may go off all the same
        return stopped(self._known, str(problem), retryable=False)

    async def _look(self) -> None:
        self._learn(seen="unknown")
        self._learn(seen=await self._driver.query(self._order.access))

    def _next_step(self) -> Step:
        order, seen = self._order, self._known.seen
        return next_step(
            order.action,
            self._phase,
            seen,
            unrecorded=order.unrecorded,
            from_there=order.boot is None or self._known.next_start is not None,
        )

    async def _send(self, step: Step) -> PowerOutcome | None:
        """Record the command, then give it; None when it was given."""
        too_late = self._too_late()
        if too_late is not None:
            return too_late
        if not await self._note(PHASE_AFTER[step]):
            return self._overtaken()
        if not self._may_act():  # recording it took its time
            return self._without_lease()
        self.log.info(
            "order {order}, attempt {attempt}: {step} to BMC {bmc}, which is {seen}",
            order=self._order.id,
            attempt=self._order.attempt,
            step=step,
            bmc=self._order.bmc,
            seen=self._known.seen,
        )
        if self._order.boot is not None:
            await self._set_boot_device(self._order.boot, step)
            too_late = self._too_late()  # that took its time, too
            if too_late is not None:
                return too_late
        await self._tell(step)
        return None

    def _too_late(self) -> PowerOutcome | None:
        if not self._has_time():
            return self._out_of_time()
        return None if self._may_act() else self._without_lease()

    async def _set_boot_device(self, device: BootDevice, step: Step) -> None:
        """Let the next start be from there; nothing is switched when that fails."""
        again = self._known.told_again or (step == "send on" and self._known.in_doubt)
        may_be_set = {"sent": True, "next_start": device, "told_again": again}
        try:
            await self._driver.boot_once(self._order.access, device)
        except (BmcSilent, BmcBusy):
            self._learn(**may_be_set)
            raise
        self._learn(**may_be_set)

    async def _tell(self, step: Step) -> None:
        driver = self._driver
        tell = {
            "send on": driver.turn_on,
            "send off": driver.turn_off,
            "send soft": driver.shut_down,
            "send reset": driver.reset,
        }[step]
        try:
            await tell(self._order.access)
        except BmcSilent:
            self._learn(sent=True, in_doubt=True)
            raise
        except BmcBusy:
            self._learn(sent=True)
            raise
        # an operating system that agreed to nothing yet may go down at any time
        self._learn(sent=True, in_doubt=step == "send soft")
        self._agreed = self._phase
        self._trouble = ""

    async def _note(self, phase: Phase) -> bool:
        """Record a phase; False when another attempt has taken the order over."""
        try:
            if not await self._record(self._recorded, phase):
                return False
            self._recorded = phase
        except CannotEverWork:
            raise
        except EvenrackError as problem:
            region_hears = isinstance(problem, DatabaseUnreachable)
            before = self._recorded
            if not may_go_unrecorded(self._order.action, before, phase, region_hears=region_hears):
                raise
            self.log.warn(
                "order {order}: goes on to {phase}, which cannot be recorded: {problem}",
                order=self._order.id,
                phase=phase,
                problem=str(problem),
            )
        self._phase = phase
        if phase in {"OFF_SEEN", "ON_SEEN"}:
            self._learn(in_doubt=False)
        if phase == "OFF_SEEN":
            self._give_time_to_finish()
        return True

    def _learn(self, **news: Any) -> None:
        self._known = evolve(self._known, **news)

    def _give_time_to_finish(self) -> None:
        if must_finish(self._order.action, self._phase):
            self._ends = max(self._ends, self._clock.seconds() + FINISH_SECONDS)

    def _has_time(self) -> bool:
        return self._clock.seconds() < self._ends

    def _out_of_time(self) -> PowerOutcome:
        seen = self._known.seen
        state = "was not seen" if seen == "unknown" else f"is {seen}"
        why = f"the time is over, and the machine {state}"
        if self._order.action == "soft" and seen == "on":
            why += ": its operating system may still shut down; `off` turns it off at once"
        if self._order.unrecorded and self._phase == "OFF_SENT":
            why += ": it may have been off and on again when nobody could record it"
        if self._trouble:
            why += f"; the last trouble: {self._trouble}"
        return stopped(self._known, why, retryable=not self._known.sent)

    def _without_lease(self) -> PowerOutcome:
        why = "this rack has no lease: it may not act until a region process grants one"
        return stopped(self._known, why, retryable=True)

    def _overtaken(self) -> PowerOutcome:
        why = "another attempt has taken this order over, or it was cancelled"
        return stopped(self._known, why, retryable=False)
