"""Bins by load, so that the lightest and the heaviest are known at once."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Bin = TypeVar("Bin")


class LoadLevels(Generic[Bin]):
    """Each load that some bin has, with those bins; the one that changed longest ago is first."""

    def __init__(self) -> None:
        self._bins: dict[int, dict[Bin, None]] = {}
        self._count = 0
        self.lowest = 0
        self.highest = 0

    def __len__(self) -> int:
        return self._count

    def add(self, which: Bin, load: int) -> None:
        """Count a bin."""
        self._count += 1
        self._bins.setdefault(load, {})[which] = None
        self._set_ends(load)

    def remove(self, which: Bin, load: int) -> None:
        """Count a bin no more."""
        self._count -= 1
        self._take_out(which, load)
        self._close_ends()

    def move(self, which: Bin, before: int, after: int) -> None:
        """Count a bin at another load."""
        self._take_out(which, before)
        self._bins.setdefault(after, {})[which] = None
        self._set_ends(after)

    def upward(self) -> Iterator[Bin]:
        """Give the bins, the lightest first."""
        for load in range(self.lowest, self.highest + 1):
            yield from self._bins.get(load, ())

    def _take_out(self, which: Bin, load: int) -> None:
        level = self._bins[load]
        del level[which]
        if not level:
            del self._bins[load]

    def _set_ends(self, load: int) -> None:
        if self._count == 1:
            self.lowest = self.highest = load
            return
        self.lowest = min(self.lowest, load)
        self.highest = max(self.highest, load)
        self._close_ends()

    def _close_ends(self) -> None:
        if not self._bins:
            self.lowest = self.highest = 0
            return
        while self.lowest not in self._bins:
            self.lowest += 1
        while self.highest not in self._bins:
            self.highest -= 1
