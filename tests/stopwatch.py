"""How long something takes while this program can go on.

A machine that stands still for two seconds, as busy ones do, says nothing about who is measured.
"""

import threading
import time

TICK_SECONDS = 0.02
MOST_OF_A_TICK = 0.25
"""So much of a pause between two ticks counts: more than a program that is busy takes."""


class Stopwatch:
    """Counts the seconds of a `with` block in which this program went on, whatever it did.

    A thread counts, which goes on while the reactor is held up: who does that is not excused.
    """

    def __init__(self):
        self.seconds = 0.0

    def __enter__(self):
        self._over = threading.Event()
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._counting.start()
        return self

    def __exit__(self, *problem):
        self._over.set()
        self._counting.join()

    def _count(self):
        begun, is_over = time.monotonic(), False
        while not is_over:
            is_over = self._over.wait(TICK_SECONDS)
            now = time.monotonic()
            self.seconds += min(now - begun, MOST_OF_A_TICK)
            begun = now


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
