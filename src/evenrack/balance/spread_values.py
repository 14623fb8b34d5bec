"""What is spread over what: bins, items, and the moves between them."""

from collections.abc import Callable, Iterable

from attrs import evolve, frozen


@frozen(kw_only=True)
class Bin:
    """Something that can own items: a region process, later a rack."""

    id: str
    host: str = ""
    capacity: int = 1
    """1, or 0: it gives away what it has and takes nothing (it drains)."""


@frozen(kw_only=True)
class Item:
    """Something to be owned by one of the bins in its reach."""

    id: str
    reach: tuple[str, ...]
    owner: str | None = None


@frozen(kw_only=True)
class Move:
    """One change of owner and why it was made."""

    item: str
    before: str | None
    to: str | None
    forced: bool
    reason: str


Words = Callable[[str, int], str]
"""Says what a bin and its load are: ("region1/2", 3) -> "region1/2 manages 3 racks"."""


def plain_words(owner: str, load: int) -> str:
    """Say a bin's load in the plainest words."""
    return f"{owner} has {load}"


def one_for_each_item(moves: Iterable[Move]) -> tuple[Move, ...]:
    """Tell of each item once, from where it was to where it is; one that came back did not move."""
    merged: dict[str, Move] = {}
    for move in moves:
        earlier = merged.pop(move.item, None)
        if earlier is None:
            merged[move.item] = move
        elif earlier.forced:
            merged[move.item] = evolve(earlier, to=move.to)
        elif earlier.before != move.to:
            merged[move.item] = evolve(move, before=earlier.before)
    return tuple(merged.values())
