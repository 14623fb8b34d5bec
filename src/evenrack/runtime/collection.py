"""Keeps Python's search for circular garbage out of a piece of work that makes very many objects.

The search looks at all of them, and no thread runs meanwhile: with a few hundred thousand it takes
80 ms, and comes again and again while their number grows. None of them is part of a circle, so they
go without it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def made_to_last() -> Iterator[None]:
    """Make very many objects that no search looks at, ever; they go when nobody needs them.

    So does not what happens to be garbage in a circle by then: the young of it is taken away first.
    One at a time in a process.
    """
    gc.collect(1)
    with without_collection():
        try:
            yield
        finally:
            gc.freeze()


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
