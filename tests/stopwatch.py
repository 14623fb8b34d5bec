"""How long something takes while this program can go on.

A machine that stands still for two seconds, as busy ones do, says nothing about who is measured.
"""

from twisted.internet import reactor

TICK_SECONDS = 0.02
MOST_OF_A_TICK = 0.25
"""So much of a pause between two ticks counts: more than a reactor that is busy takes."""


class Stopwatch:
    """Counts the seconds of a `with` block in which the reactor went round."""

    def __init__(self):
        self.seconds = 0.0

    def __enter__(self):
        self._begun = reactor.seconds()
        self._ticking = reactor.callLater(TICK_SECONDS, self._tick)
        return self

    def __exit__(self, *problem):
        self._ticking.cancel()
        self._count()

    def _tick(self):
        self._ticking = reactor.callLater(TICK_SECONDS, self._tick)
        self._count()

    def _count(self):
        now = reactor.seconds()
        self.seconds += min(now - self._begun, MOST_OF_A_TICK)
        self._begun = now


class ClockWatch:
    """Counts the seconds of a `with` block by a clock that a test drives."""

    def __init__(self, clock):
        self._clock = clock
        self.seconds = 0.0

    def __enter__(self):
        self._begun = self._clock.seconds()
        return self

    def __exit__(self, *problem):
        self.seconds = self._clock.seconds() - self._begun
