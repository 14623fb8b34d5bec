"""Forced moves: what has no owner goes to the lightest bin in its reach, at once."""

from collections.abc import Callable, Collection, Sequence

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
        items = list(group.ownerless)
        for to, count in _even_fill(holdings, group, avoid):
            _place_on(holdings, group, to, items[:count], placed)
            del items[:count]
        for item in items:
            lightest_now = lightest(holdings, group, avoid=avoid)
            if lightest_now is None:
                break
            _place_on(holdings, group, lightest_now, [item], placed)


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


def _even_fill(
    holdings: Holdings, group: Group, avoid: Collection[str]
) -> list[tuple[Holder, int]]:
    """Give how much each of the lightest bins takes to rise to a level that all of them reach.

    What is left then is less than one for each.
    """
    takers = [holder for holder in group.takers if holder.id not in avoid]
    left = len(group.ownerless)
    if left <= len(takers) or not takers:
        return []
    takers.sort(key=weight_in(holdings))
    level = _level(takers, left)
    return [(holder, level - holder.load) for holder in takers if holder.load < level]


def _level(takers: list[Holder], items: int) -> int:
    """Give the highest load to which these bins, the lightest first, rise with so many items."""
    total, count = items, 0
    for holder in takers:
        if count and holder.load * count >= total:
            break
        total += holder.load
        count += 1
    return total // count


def _place_on(
    holdings: Holdings, group: Group, to: Holder, items: Sequence[str], placed: Placed
) -> None:
    for item in items:
        placed(item, group.ownerless[item], to)
    holdings.give(group, to, items)
