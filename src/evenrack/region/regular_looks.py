"""Whether who looks again and again has looked all the time, by this process's own clock."""

from collections import deque

from twisted.internet.interfaces import IReactorTime

SEEN_SECONDS = 3.0
"""After so long without a look a rack may have come and gone: what was seen counts anew."""

SLOW_SECONDS = 10.0
"""So long may be between two looks where they always take long: the fleet is large."""

REMEMBERED = 5
"""Of so many gaps before the second longest is a habit: a process that was stopped once has none,
and a look that was quick for once ends none."""


class RegularLooks:
    """Tells a look that follows others as usual from one after a pause.

    Looks at a fleet of 10,000 VLANs on a busy host take seconds each: if each of them counted
    anew, nothing would ever be away for long enough.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._looked_at: float | None = None
        self._gaps: deque[float] = deque(maxlen=REMEMBERED)

    def follows(self) -> bool:
        """Take in that there is a look now; True when there was none to miss since the last one."""
        now = self._clock.seconds()
        before, self._looked_at = self._looked_at, now
        if before is None:
            return False
        gap = now - before
        usual = sorted(self._gaps)[-2] if len(self._gaps) == REMEMBERED else 0.0
        self._gaps.append(gap)
        return gap <= max(SEEN_SECONDS, min(2 * usual, SLOW_SECONDS))
