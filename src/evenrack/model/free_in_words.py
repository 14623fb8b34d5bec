"""How many addresses are free, in words that a person can read: pure."""

from typing import Final

MOST_IN_DIGITS: Final = 10**9
"""Longer numbers nobody compares by their digits."""


def free_in_words(free: int, total: int) -> str:
    """Say how many of how many are free; of very many how many are not."""
    if total < MOST_IN_DIGITS:
        return f"{free} of {total}"
    taken = total - free
    if taken < MOST_IN_DIGITS:
        return f"all but {taken} of {_about(total)}"
    return f"{_about(free)} of {_about(total)}"


def _about(number: int) -> str:
    return f"{number:.1e}".replace("e+", "e") if number >= MOST_IN_DIGITS else str(number)
