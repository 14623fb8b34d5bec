"""How long the whole machine stood still: what was measured meanwhile says nothing of a fleet."""

import threading
from collections.abc import Callable
from types import TracebackType

LOOK_SECONDS = 0.05
LONG_SECONDS = 0.5
"""No wait of a daemon is as long as that by chance, and the shortest limit is twice as long."""


class Stillness:
    """A thread that sleeps for a moment, again and again, and sees when it slept for longer."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is monotonic."""
        self._seconds = seconds
        self._longest = 0.0
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> "Stillness":
        self._looking.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._looking.join()

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
