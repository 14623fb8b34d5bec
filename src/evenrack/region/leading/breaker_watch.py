"""Who was lost within the last seconds, by this process's own clock, for the circuit breaker."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime

from evenrack.balance.circuit_breaker import (
    WITHIN_SECONDS,
    BreakerChange,
    decide_breaker,
    lost_processes,
    lost_racks,
)
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.regular_looks import RegularLooks

Lost = TypeVar("Lost", bound=str)

LONG_AGO = float("-inf")

SETTLE_SECONDS = 3.0
"""A new leader judges no sooner: where everything starts at once, links are still to come."""


class BreakerWatch:
    """Remembers since when each rack and each process is lost.

    A leader that has just begun knows from the tables what was lost before: a rack whose loss is
    an open problem, and every dead process but those that it found silent itself.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._racks: dict[RackId, float] = {}
        self._processes: dict[ProcessId, float] = {}
        self._began_at = 0.0
        self._looks = RegularLooks(clock)

    def look(self, fleet: Fleet, *, silent: Collection[ProcessId]) -> BreakerChange | None:
        """Give what becomes of the breaker with this reading; None when it stays as it is.

        `silent` are processes that this one has found dead by their beats.
        """
        now = self._clock.seconds()
        is_first = not self._looks.follows()
        if is_first:
            self._began_at, self._racks, self._processes = now, {}, {}
        told = {rack for rack in fleet.racks if ("RackLost", f"rack:{rack}") in fleet.open_problems}
        dead = lost_processes(fleet)
        self._racks = _since(lost_racks(fleet), self._racks, now, told)
        self._processes = _since(
            dead, self._processes, now, dead - frozenset(silent) if is_first else ()
        )
        if now - self._began_at < SETTLE_SECONDS and fleet.breaker is None:
            return None
        return decide_breaker(
            fleet, racks=self._recent(self._racks), processes=self._recent(self._processes)
        )

    def _recent(self, since: Mapping[Lost, float]) -> list[Lost]:
        now = self._clock.seconds()
        return [each for each, moment in since.items() if now - moment <= WITHIN_SECONDS]


def _since(
    lost: Iterable[Lost], before: Mapping[Lost, float], now: float, long_ago: Collection[str]
) -> dict[Lost, float]:
    return {each: before.get(each, LONG_AGO if each in long_ago else now) for each in sorted(lost)}
