"""What no input may do, whatever it is: take more than a second, or more than 200 MB."""

import time
import tracemalloc

from twisted.logger import formatEvent, globalLogPublisher

MOST_SECONDS = 1.0
"""Of this program's own time, so that a busy machine changes nothing."""

MOST_MEGABYTES = 200


class LimitPassed(AssertionError):
    """An input was too much."""


class BugLogged(AssertionError):
    """An input led to an exception that nobody expected: it was caught and logged as a bug."""


def in_time(target, data, *, slower=1.0):
    """Run a target once; LimitPassed when that takes too long, BugLogged when it logs a bug.

    `slower`: how much slower the program is than usual, where each step of it is watched.
    """
    bugs = []

    def observe(event):
        if "log_failure" in event:
            bugs.append(event)

    globalLogPublisher.addObserver(observe)
    began = time.process_time()
    try:
        target(data)
    finally:
        globalLogPublisher.removeObserver(observe)
    seconds = time.process_time() - began
    if bugs:
        raise BugLogged(formatEvent(bugs[0])) from bugs[0]["log_failure"].value
    if seconds > MOST_SECONDS * slower:
        raise LimitPassed(f"{seconds:.1f} s for {len(data)} bytes")


def in_space(target, data):
    """Run a target once; LimitPassed when that takes too much memory."""
    tracemalloc.start()
    try:
        in_time(target, data, slower=10)  # counting memory takes its time
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if most > MOST_MEGABYTES * 1_000_000:
        raise LimitPassed(f"{most} bytes of memory for {len(data)} bytes")
