"""How long to wait before the next try: pure."""

from collections.abc import Callable

FIRST_SECONDS = 0.1
FACTOR = 1.5
MOST_SECONDS = 5.0


def next_delay(attempt: int, jitter: Callable[[], float]) -> float:
    """Give the seconds before try number `attempt` (from 1); `jitter` gives 0 to 1.

    Between half and all of a delay that grows to 5 s, so that a thousand racks do not come back
    at the same moment.
    """
    exponent = min(max(attempt, 1) - 1, 32)
    return min(MOST_SECONDS, FIRST_SECONDS * FACTOR**exponent) * (0.5 + 0.5 * jitter())
