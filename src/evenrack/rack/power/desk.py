"""Takes power orders, each once: the newest attempt at the newest order of a BMC is what counts."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    DeferredLock,
    DeferredSemaphore,
)
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import CannotEverWork, EvenrackError, OrderOutdated
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import NO_ORDER, Phase, PowerOrder, PowerOutcome, PowerState
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.order_run import Record, run_order

MOST_AT_ONCE = 16
"""Conversations of one rack with BMCs; further ones wait for a place, each look anew, but for a
`cycle` that has a machine to turn on again."""

MOST_LOOKS_AT_ONCE = 8
"""The same of those that nobody ordered: dead BMCs must not keep places from orders."""

_WAS_OFF = frozenset({"OFF_SEEN", "ON_SENT", "ON_SEEN"})
"""What a `cycle` records when it has seen its machine off."""

Recorder = Callable[[OrderId, int, Phase, Phase], Awaitable[bool]]
"""Asks the managing process to record a phase of an order's attempt."""


@frozen(kw_only=True)
class PowerSurroundings:
    """What a desk needs of its rack."""

    driver: PowerDriver
    record: Recorder
    may_act: Callable[[], bool]
    """Whether the rack has a lease."""
    clock: IReactorTime
    most_at_once: int = MOST_AT_ONCE
    most_looks_at_once: int = MOST_LOOKS_AT_ONCE


@define(kw_only=True, eq=False)
class _Attempt:
    """One attempt at an order, and all who wait for its end."""

    key: tuple[OrderId, int]
    sent: bool
    """Whether a command may have reached the BMC, in this attempt or an earlier one."""
    was_off: bool = False
    """Whether it has seen the machine off, which perhaps could not be recorded."""
    unrecorded: bool = False
    """Whether more may have been done before this desk saw it than was recorded."""
    running: Deferred[None] | None = None
    outcome: PowerOutcome | None = None
    waiting: list[Deferred[PowerOutcome]] = field(factory=list)

    def cancel(self) -> None:
        if self.running is not None:
            self.running.cancel()

    @property
    def may_go_on(self) -> bool:
        """Whether it stopped in the middle, and asking again lets it go on from there."""
        return self.outcome is not None and self.outcome.retryable and self.outcome.sent


class PowerDesk(Service):
    """One attempt for each BMC; it is remembered after its end, for who asks again."""

    log = Logger()

    def __init__(self, surroundings: PowerSurroundings) -> None:
        self._around = surroundings
        self._attempts: dict[BmcId, _Attempt] = {}
        self._places = DeferredSemaphore(surroundings.most_at_once)
        self._conversations: dict[BmcId, DeferredLock] = {}
        self._looks: dict[BmcId, Deferred[PowerState]] = {}
        self._look_places = DeferredSemaphore(surroundings.most_looks_at_once)

    async def take(self, order: PowerOrder) -> PowerOutcome:
        """Carry an order out, or wait for the end of the same attempt; OrderOutdated."""
        if not self.running:
            return _stopped("the rack daemon is being stopped", sent=False)
        if order.id == NO_ORDER:
            return await self._look_for_nobody(order)
        key = (order.id, order.attempt)
        known = self._attempts.get(order.bmc)
        if known is not None and key < known.key:
            raise OrderOutdated(
                f"attempt {order.attempt} at order {order.id} is outdated: this rack has seen "
                f"attempt {known.key[1]} at order {known.key[0]}"
            )
        if known is None or key > known.key or known.may_go_on:
            known = self._begin(order, known)
        if known.outcome is not None:
            return known.outcome
        mine: Deferred[PowerOutcome] = Deferred()
        known.waiting.append(mine)
        return await mine

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        ending = [known.running for known in self._attempts.values() if known.running is not None]
        for known in self._attempts.values():
            known.cancel()
        for look in list(self._looks.values()):
            look.cancel()
        return DeferredList(ending)

    def _begin(self, order: PowerOrder, before: _Attempt | None) -> _Attempt:
        """Let this attempt be the newest at once: who asks while the older ends finds this one."""
        attempt = _Attempt(
            key=(order.id, order.attempt),
            sent=order.phase != "NEW",
            unrecorded=order.unrecorded,
        )
        self._attempts[order.bmc] = attempt
        if before is not None:
            before.cancel()
        if before is not None and before.key == attempt.key:
            attempt.was_off = before.was_off
            # what was done since it saw the attempt first, this desk knows
            attempt.unrecorded = before.unrecorded
            order = evolve(order, unrecorded=before.unrecorded)
        if order.bmc in self._looks:
            self._looks[order.bmc].cancel()
        attempt.running = Deferred.fromCoroutine(self._run(attempt, order))
        return attempt

    async def _look_for_nobody(self, order: PowerOrder) -> PowerOutcome:
        """Ask a BMC for its state, unless an order is under way; an order that comes ends it."""
        known = self._attempts.get(order.bmc)
        if order.action != "query" or order.bmc in self._looks:
            return _stopped("it is asked already", sent=False)
        if known is not None and known.outcome is None:
            return _stopped("an order is under way", sent=False)
        if not self._around.may_act():
            return _stopped("this rack has no lease", sent=False)
        conversation = self._conversations.setdefault(order.bmc, DeferredLock())
        look: Deferred[PowerState] = conversation.run(
            self._look_places.run,
            lambda: Deferred.fromCoroutine(self._around.driver.query(order.access)),
        )
        self._looks[order.bmc] = look
        try:
            return PowerOutcome(result="ok", state=await look)
        except CancelledError:
            return _stopped("an order came", sent=False)
        except EvenrackError as problem:
            return PowerOutcome(result="failed", state="unknown", error=str(problem))
        finally:
            del self._looks[order.bmc]

    async def _run(self, attempt: _Attempt, order: PowerOrder) -> None:
        conversation = self._conversations.setdefault(order.bmc, DeferredLock())
        try:
            outcome = await conversation.run(  # also an older attempt that is ending has it
                lambda: Deferred.fromCoroutine(self._carry_out(attempt, order))
            )
        except CancelledError:
            outcome = _stopped("the rack stopped working on it", sent=attempt.sent)
            if attempt.sent and not self.running:
                return  # no answer: whoever takes it over goes on from what is recorded
        except Exception:  # noqa: BLE001  a bug must not leave anybody waiting for its end
            self.log.failure("order {order} met a bug", order=order.id)
            outcome = _unknown("the rack met a bug; see its log")
        attempt.outcome = outcome
        waiting, attempt.waiting = attempt.waiting, []
        for each in waiting:
            each.callback(outcome)

    async def _carry_out(self, attempt: _Attempt, order: PowerOrder) -> PowerOutcome:
        around = self._around

        async def record(before: Phase, after: Phase) -> bool:
            attempt.sent = True
            attempt.was_off = attempt.was_off or after in _WAS_OFF
            return await around.record(order.id, order.attempt, before, after)

        if attempt.was_off and order.phase == "OFF_SENT":
            return await self._go_on_from_off(order, record)
        return await self._run_order(order, record)

    async def _go_on_from_off(self, order: PowerOrder, record: Record) -> PowerOutcome:
        """Record first what an earlier run of the same attempt saw, and could not record.

        From OFF_SENT it would turn off again a machine that has come on since.
        """
        try:
            recorded = await record("OFF_SENT", "OFF_SEEN")
        except EvenrackError as problem:
            may_work = not isinstance(problem, CannotEverWork)
            return evolve(_unknown(str(problem)), retryable=may_work)
        if not recorded:
            return _unknown("another attempt has taken this order over, or it was cancelled")
        return await self._run_order(evolve(order, phase="OFF_SEEN"), record)

    async def _run_order(self, order: PowerOrder, record: Record) -> PowerOutcome:
        around = self._around
        return await run_order(
            order, around.driver, record, around.may_act, around.clock, self._places
        )


def _stopped(why: str, *, sent: bool) -> PowerOutcome:
    """Tell of an end that was not its own: what was sent may have had its effect."""
    if sent:
        return _unknown(why)
    return PowerOutcome(result="failed", state="unknown", error=why, retryable=True)


def _unknown(why: str) -> PowerOutcome:
    return PowerOutcome(result="unknown", state="unknown", error=why, sent=True)
