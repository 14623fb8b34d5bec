"""Takes power orders, each once: the newest attempt at the newest order of a BMC is what counts."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import OrderOutdated
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import Phase, PowerOrder, PowerOutcome
from evenrack.rack.power.driver import PowerDriver
from evenrack.rack.power.order_run import run_order

MOST_AT_ONCE = 16
"""Conversations of one rack with BMCs; further orders wait."""

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


@define
class _Attempt:
    """One attempt at an order, and all who wait for its end."""

    key: tuple[OrderId, int]
    running: Deferred[PowerOutcome] | None = None
    outcome: PowerOutcome | None = None


class PowerDesk(Service):
    """One attempt for each BMC; it is remembered after its end, for who asks again."""

    log = Logger()

    def __init__(self, surroundings: PowerSurroundings) -> None:
        self._around = surroundings
        self._attempts: dict[BmcId, _Attempt] = {}
        self._places = DeferredSemaphore(MOST_AT_ONCE)
        self._waiting: dict[BmcId, list[Deferred[PowerOutcome]]] = {}

    async def take(self, order: PowerOrder) -> PowerOutcome:
        """Carry an order out, or wait for the end of the same attempt; OrderOutdated."""
        key = (order.id, order.attempt)
        known = self._attempts.get(order.bmc)
        if known is not None and key < known.key:
            raise OrderOutdated(
                f"attempt {order.attempt} at order {order.id} is outdated: this rack has seen "
                f"attempt {known.key[1]} at order {known.key[0]}"
            )
        if known is None or key > known.key:
            await self._stop(known)
            known = self._attempts[order.bmc] = _Attempt(key)
            self._begin(known, order)
        if known.outcome is not None:
            return known.outcome
        mine: Deferred[PowerOutcome] = Deferred()
        self._waiting.setdefault(order.bmc, []).append(mine)
        return await mine

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return DeferredList(
            [Deferred.fromCoroutine(self._stop(known)) for known in self._attempts.values()]
        )

    def _begin(self, attempt: _Attempt, order: PowerOrder) -> None:
        attempt.running = Deferred.fromCoroutine(self._run(attempt, order))

    async def _run(self, attempt: _Attempt, order: PowerOrder) -> PowerOutcome:
        around = self._around

        async def record(before: Phase, after: Phase) -> bool:
            return await around.record(order.id, order.attempt, before, after)

        try:
            await self._places.acquire()
            try:
                outcome = await run_order(
                    order, around.driver, record, around.may_act, around.clock
                )
            finally:
                self._places.release()
        except CancelledError:
            outcome = _stopped("the rack stopped working on it")
        except Exception:  # noqa: BLE001  a bug must not leave anybody waiting for its end
            self.log.failure("order {order} met a bug", order=order.id)
            outcome = _stopped("the rack met a bug; see its log")
        attempt.outcome = outcome
        for mine in self._waiting.pop(order.bmc, []):
            mine.callback(outcome)
        return outcome

    async def _stop(self, attempt: _Attempt | None) -> None:
        """End what runs: nothing may be sent for an order that is not the newest."""
        if attempt is not None and attempt.running is not None and attempt.outcome is None:
            attempt.running.cancel()
            await attempt.running


def _stopped(why: str) -> PowerOutcome:
    """Tell of an end in the middle: what was sent may have had its effect."""
    return PowerOutcome(result="unknown", state="unknown", error=why, sent=True)
