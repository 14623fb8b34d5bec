"""How long a processor of the machine stood still: what was measured meanwhile says nothing.

A noisy neighbour may take one processor and leave the other. So there is a thread on each: one
alone would be moved to where it can go on, while a daemon that was at work cannot.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from evenrack.lab.onlooker import Onlooker

LOOK_SECONDS = 0.05
LONG_SECONDS = 0.5
"""No wait of a daemon is as long as that by chance, and the shortest limit is twice as long."""


class Stillness:
    """Looks on at every processor from the beginning of a `with` block to its end."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is monotonic."""
        self._sleepers = [_Sleeper(seconds, each) for each in sorted(os.sched_getaffinity(0))]
        self._looking = ExitStack()

    def __enter__(self) -> Self:
        for each in self._sleepers:
            self._looking.enter_context(each)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._looking.close()

    @property
    def longest(self) -> float | None:
        """Give the longest time since `begin_anew` in which one stood still, if any was long."""
        seconds = self.seconds
        return seconds if seconds >= LONG_SECONDS else None

    @property
    def seconds(self) -> float:
        """Give the longest time since `begin_anew` in which one stood still, however short.

        One that stands still to this moment counts too: its thread cannot say so yet.
        """
        return max(max(each.longest, each.asleep()) for each in self._sleepers)

    def begin_anew(self) -> None:
        """Forget what was seen so far."""
        for each in self._sleepers:
            each.longest = 0.0


class _Sleeper(Onlooker):
    """A thread that sleeps for a moment, again and again, and sees when it slept for longer."""

    def __init__(self, seconds: Callable[[], float], processor: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._processor = processor
        self.longest = 0.0
        self._before: float | None = None

    def asleep(self) -> float:
        """Give how long it has slept already for longer than it wanted to."""
        before = self._before
        return 0.0 if before is None else self._seconds() - before - LOOK_SECONDS

    def _look_on(self) -> None:
        with suppress(OSError):  # it was taken from us since
            os.sched_setaffinity(0, {self._processor})  # 0 is this thread, and no other
        self._before = before = self._seconds()
        while not self._over.wait(LOOK_SECONDS):
            now = self._seconds()
            self.longest = max(self.longest, now - before - LOOK_SECONDS)
            self._before = before = now
        self._before = None
