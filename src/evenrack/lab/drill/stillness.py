"""How long the whole machine stood still: what was measured meanwhile says nothing of a fleet."""

from collections.abc import Callable

from evenrack.lab.onlooker import Onlooker

LOOK_SECONDS = 0.05
LONG_SECONDS = 0.5
"""No wait of a daemon is as long as that by chance, and the shortest limit is twice as long."""


class Stillness(Onlooker):
    """A thread that sleeps for a moment, again and again, and sees when it slept for longer."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is monotonic."""
        super().__init__()
        self._seconds = seconds
        self._longest = 0.0

    @property
    def longest(self) -> float | None:
        """Give the longest time since `begin_anew` in which all stood still, if any was long."""
        return self._longest if self._longest >= LONG_SECONDS else None

    def begin_anew(self) -> None:
        """Forget what was seen so far."""
        self._longest = 0.0

    def _look_on(self) -> None:
        before = self._seconds()
        while not self._over.wait(LOOK_SECONDS):
            now = self._seconds()
            self._longest = max(self._longest, now - before - LOOK_SECONDS)
            before = now
