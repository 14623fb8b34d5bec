"""Ctrl-C, a plain kill and a closed terminal end a lab in order, and nothing stops its cleaning."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals() -> Iterator[list[int]]:
    """Let a plain kill or a closed terminal clean up like Ctrl-C; a second one changes nothing.

    Gives the list of the signals that came.
    """
    stopped_by: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        stopped_by.append(number)
        ignore_signals()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield stopped_by
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_if_stopped(stopped_by: list[int]) -> None:
    """End all the same when an interrupt was swallowed: it came while an object was destroyed."""
    if stopped_by:
        raise KeyboardInterrupt


def ignore_signals() -> None:
    """Let nothing stop the cleaning."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
