"""The one number of the fleet: grows with every decision and every change of the inventory."""

from functools import total_ordering
from typing import Self

from attrs import frozen

MOST_DIGITS = 15
"""More than the fleet will ever need, and less than the database's numbers hold."""


@total_ordering
@frozen
class FleetNumber:
    """An (era, generation) pair, compared as a pair and written `era.generation`.

    The era grows when the database becomes another one (a restored dump, a promoted replica), so
    that a number from before is never taken for one from after.
    """

    era: int
    generation: int

    def __lt__(self, other: "FleetNumber") -> bool:
        # by hand: a leader compares thousands of these at each look
        return (self.era, self.generation) < (other.era, other.generation)

    def __str__(self) -> str:
        return f"{self.era}.{self.generation}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read `era.generation`; ValueError for anything else."""
        era, dot, generation = text.partition(".")
        if not dot or not all(_is_small_number(digits) for digits in (era, generation)):
            raise ValueError(f'"{text[:40]}" is not a number of the form era.generation')
        return cls(int(era), int(generation))


def _is_small_number(digits: str) -> bool:
    return digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS


BEFORE_ALL = FleetNumber(0, 0)
"""What a rack has that never saw a plan."""
