"""Forced moves: what has no owner goes to the lightest bin in its reach, at once."""

from collections.abc import Callable, Collection

from evenrack.balance.engine.holdings import Group, Holder, Holdings

Placed = Callable[[str, str | None, Holder], None]
"""Told of each item that was placed, with the bin that had it last."""

WIDE = 4
"""A group with more than one in so many of all bins is searched by load, not bin by bin."""


def place(holdings: Holdings, placed: Placed, *, avoid: Collection[str] = ()) -> None:
    """Give every ownerless item to a bin in its reach; it stays without one where none is live.

    Groups with fewer bins to choose from come first. Bins in `avoid`, and those that drain, take
    something only where there is no other.
    """
    waiting = sorted(holdings.unplaced, key=lambda group: len(group.members))
    holdings.unplaced.clear()
    for group in waiting:
        _fill_evenly(holdings, group, placed, avoid)
        while group.ownerless:
            to = lightest(holdings, group, avoid=avoid)
            if to is None:
                break
            _place_one(holdings, group, to, placed)


def lightest(
    holdings: Holdings, group: Group, *, avoid: Collection[str] = (), draining: bool = True
) -> Holder | None:
    """Name the bin of the group that should take one more; None when nobody can.

    By its load, then by that of its host for each bin, then the one that changed longest ago.
    """
    if len(group.members) * WIDE > len(holdings.levels) and not len(holdings.hosts):
        for holder in holdings.levels.upward():
            if group in holder.groups and holder.id not in avoid:
                return holder
    takers = group.takers
    steady = [holder for holder in takers if holder.id not in avoid] if avoid else takers
    last_resort = [holder for holder in group.members if holder.live] if draining else []
    return min(steady or takers or last_resort, key=weight_in(holdings), default=None)


def weight_in(holdings: Holdings) -> Callable[[Holder], tuple[int, float, int, str]]:
    """Give what orders bins, the one that should take something next first."""

    def weight(holder: Holder) -> tuple[int, float, int, str]:
        return (
            holder.load,
            holdings.hosts.for_each_on(holder.host),
            holder.changed,
            holder.id,
        )

    return weight


def _fill_evenly(holdings: Holdings, group: Group, placed: Placed, avoid: Collection[str]) -> None:
    """Raise the lightest bins to a level that all of them reach; what is left is under one each."""
    takers = [holder for holder in group.takers if holder.id not in avoid]
    left = len(group.ownerless)
    if left <= len(takers) or not takers:
        return
    takers.sort(key=weight_in(holdings))
    level = _level(takers, left)
    for holder in takers:
        for _ in range(level - holder.load):
            _place_one(holdings, group, holder, placed)


def _level(takers: list[Holder], items: int) -> int:
    """Give the highest load to which these bins, the lightest first, rise with so many items."""
    total, count = items, 0
    for holder in takers:
        if count and holder.load * count >= total:
            break
        total += holder.load
        count += 1
    return total // count


def _place_one(holdings: Holdings, group: Group, to: Holder, placed: Placed) -> None:
    item = next(iter(group.ownerless))
    last = group.ownerless[item]
    placed(item, last, to)
    holdings.give(group, item, to)
