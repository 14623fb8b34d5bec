"""How far a host's clock is from the database's, by one question and its answer."""

from datetime import datetime

WRONG_SECONDS = 5.0
"""A clock that differs by more is a problem; it changes nothing that evenrack does."""

NOTICEABLE_SECONDS = 1.0
"""Smaller changes of the difference are not worth recording."""


def surely_ahead(asked: datetime, told: datetime, answered: datetime) -> float:
    """Give by how many seconds the host's clock is ahead at least; below zero: behind.

    The database read its clock (`told`) between two readings of the host's. What lies between
    them counts as right, so that an answer that was long under way accuses nobody.
    """
    if asked > told:
        return (asked - told).total_seconds()
    return min(0.0, (answered - told).total_seconds())


def recorded_anew(recorded: float | None, ahead: float) -> float:
    """Give the difference to record: the one that is there, unless it changed noticeably."""
    if recorded is not None and abs(ahead - recorded) < NOTICEABLE_SECONDS:
        return recorded
    return round(ahead, 1)


def is_wrong(ahead: float | None) -> bool:
    """Tell whether a clock differs by more than is well; unknown is not wrong."""
    return ahead is not None and abs(ahead) > WRONG_SECONDS


def in_words(ahead: float) -> str:
    """Say the difference from the database's clock, such as `1 h 12 s ahead of the database's`."""
    seconds = round(abs(ahead))
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"))
    told = [f"{count} {unit}" for count, unit in (*parts, (seconds % 60, "s")) if count]
    side = "ahead of" if ahead > 0 else "behind"
    return f"{' '.join(told) or '0 s'} {side} the database's"
