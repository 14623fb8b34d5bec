"""Keeps Python's search for circular garbage out of a piece of work that makes very many objects.

The search looks at all of them, and no thread runs meanwhile: with a few hundred thousand it takes
80 ms, and comes again and again while their number grows. None of them is part of a circle, so they
go without it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Do some seconds of work without it; one at a time in a process."""
    on_before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on_before:
            gc.enable()
