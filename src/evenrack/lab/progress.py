"""One line for each step with its seconds, on a terminal or in a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evenrack.lab.clocks import Clocks


class Progress:
    """Tells the operator which step runs, how long each took, and how long all did."""

    def __init__(self, say: Callable[[str], None], clocks: Clocks) -> None:
        self._say = say
        self._clocks = clocks
        self._began = clocks.seconds()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say the step when it is done, or where it failed."""
        began = self._clocks.seconds()
        try:
            yield
        except BaseException:
            self._say(f"[lab] {self._clocks.seconds() - began:5.1f} s  {what}: failed")
            raise
        self._say(f"[lab] {self._clocks.seconds() - began:5.1f} s  {what}")

    def note(self, what: str) -> None:
        """Say something that is no step."""
        self._say(f"[lab]          {what}")

    def total(self, what: str) -> None:
        """Say how long everything took."""
        self._say(f"[lab] {self._clocks.seconds() - self._began:5.1f} s  {what}")
