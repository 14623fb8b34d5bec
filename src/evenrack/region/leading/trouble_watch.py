"""Opens a problem when it has lasted, and closes it when it is over."""

from twisted.internet.interfaces import IReactorTime

from evenrack.model.fleet import Fleet
from evenrack.region.troubles.trouble import Trouble
from evenrack.region.troubles.troubles import find_troubles

PATIENCE_SECONDS = 5.0
AT_ONCE = frozenset({"RackLost", "RackCloned", "CircuitBreaker", "BalanceHeld", "DrainForgotten"})
"""Losses, and what an operator or the clock has decided, are told at once; the others often end by
themselves within a moment."""

LONGER_PATIENCE_SECONDS = {"SurvivesNoLoss": 600.0}
"""A fleet is often fragile for a while: when something is restarted, upgraded, or has been lost."""


class TroubleWatch:
    """Remembers by the leader's clock since when each trouble is there."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str], float] = {}

    def changes(self, fleet: Fleet) -> tuple[tuple[Trouble, ...], tuple[tuple[str, str], ...]]:
        """Give the problems to open and those (code, object) to close."""
        now = self._clock.seconds()
        troubles = {(t.code, t.object): t for t in find_troubles(fleet)}
        self._since = {key: self._since.get(key, now) for key in troubles}
        opened = tuple(
            trouble
            for key, trouble in troubles.items()
            if key not in fleet.open_problems and now - self._since[key] >= _patience(trouble.code)
        )
        closed = tuple(sorted(key for key in fleet.open_problems if key not in troubles))
        return opened, closed


def _patience(code: str) -> float:
    return 0.0 if code in AT_ONCE else LONGER_PATIENCE_SECONDS.get(code, PATIENCE_SECONDS)
