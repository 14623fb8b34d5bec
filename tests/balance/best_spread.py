"""The exact optimum of a spread, by other algorithms than evenrack's: an oracle for its tests."""


def lowest_maximum(bins, reaches):
    """The smallest k for which every item fits when no bin takes more than k (maximum flow)."""
    capacity = 0
    while not _fits(bins, reaches, capacity):
        capacity += 1
    return capacity


def lowest_sum_of_squares(bins, reaches):
    """Add items one by one, each along an alternating path to the lightest bin that it leads to.

    Harvey, Ladner, Lovasz, Tamir: Semi-matchings for bipartite graphs and load balancing, ASM2.
    """
    held = {name: [] for name in bins}
    for reach in reaches:
        came = _paths_from(reach, held)
        lightest = min(came, key=lambda name: (len(held[name]), name))
        _push(reach, lightest, came, held)
    return sum(len(items) ** 2 for items in held.values())


def leads_to(source, owned_reaches):
    """Every bin that a unit could be passed on to from the source, hop by hop.

    `owned_reaches` gives, for each bin, the reach of every item that it owns.
    """
    found, waiting = {source}, [source]
    while waiting:
        for reach in owned_reaches[waiting.pop()]:
            new = set(reach) - found
            found |= new
            waiting += new
    return found - {source}


def _fits(bins, reaches, capacity):
    held = {name: [] for name in bins}
    for reach in reaches:
        came = _paths_from(reach, held)
        free = [name for name in came if len(held[name]) < capacity]
        if not free:
            return False
        _push(reach, free[0], came, held)
    return True


def _paths_from(reach, held):
    """Every bin that a new item can go to when others make room: bin -> (bin before, its item)."""
    came = dict.fromkeys(reach)
    waiting = list(reach)
    while waiting:
        here = waiting.pop(0)
        for other in held[here]:
            for there in other:
                if there not in came:
                    came[there] = (here, other)
                    waiting.append(there)
    return came


def _push(reach, target, came, held):
    while came[target] is not None:
        before, moved = came[target]
        held[before].remove(moved)
        held[target].append(moved)
        target = before
    held[target].append(reach)
