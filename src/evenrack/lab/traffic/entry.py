"""What the entries of all probers share: the clocks, and ending on SIGTERM or SIGINT."""

import secrets
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from attrs import frozen

from evenrack.errors import EvenrackError

_TRANSACTION_BITS = 32


@frozen(kw_only=True)
class Surroundings:
    """What only the entry may read."""

    seconds: Callable[[], float]
    """CLOCK_MONOTONIC: the same for all programs of a machine."""
    wall: Callable[[], float]
    """Seconds since 1970: only to compare with times in events."""
    sleep: Callable[[float], None]
    transaction: Callable[[], int]
    """32 random bits."""
    ended: Callable[[], bool]


def run_until_signalled(work: Callable[[Surroundings], None]) -> int:
    """Let it work until a signal comes; give the exit code."""
    signals: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    surroundings = Surroundings(
        seconds=time.monotonic,  # noqa: TID251  the entry hands the clocks on
        wall=time.time,  # noqa: TID251
        sleep=time.sleep,  # noqa: TID251
        transaction=lambda: secrets.randbits(_TRANSACTION_BITS),
        ended=lambda: bool(signals),
    )
    try:
        work(surroundings)
    except (EvenrackError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  that is its log
        return 1
    return 0
