"""The clocks that the command line hands on: nothing below it reads a clock or sleeps by itself."""

from collections.abc import Callable
from datetime import datetime

from attrs import frozen

POLL_SECONDS = 0.03


@frozen(kw_only=True)
class Clocks:
    """How to tell the time and how to wait."""

    seconds: Callable[[], float]
    """Monotonic seconds."""
    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    """The wall clock, with its time zone: only to compare with times in events."""

    def wait_until(
        self, holds: Callable[[], bool], *, seconds: float, every: float = POLL_SECONDS
    ) -> bool:
        """Look until it holds or the time is over; say which."""
        deadline = self.seconds() + seconds
        while not holds():
            if self.seconds() >= deadline:
                return False
            self.sleep(every)
        return True
