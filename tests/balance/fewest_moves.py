"""The fewest moves to an even spread, by a flow of least cost: an oracle for evenrack's tests."""

import networkx


def fewest_moves(bins, items):
    """Give how many of the items, `(reach, owner)`, must change their owner.

    Afterwards the sum of squares of the loads is the lowest that there is. An item whose owner is
    not in its reach moves in any case, and is not counted.
    """
    dear = len(items) + 1  # one unit less even costs more than any number of moves
    flow = networkx.DiGraph()
    for number, (reach, owner) in enumerate(items):
        flow.add_edge("source", ("item", number), capacity=1, weight=0)
        for name in reach:
            is_move = owner in reach and owner != name
            flow.add_edge(("item", number), ("bin", name), capacity=1, weight=int(is_move))
    for name in bins:
        for load in range(len(items)):  # the n-th item on a bin adds 2 n - 1 to the squares
            step = ("step", name, load)
            flow.add_edge(("bin", name), step, capacity=1, weight=dear * (2 * load + 1))
            flow.add_edge(step, "sink", capacity=1, weight=0)
    if not items:
        return 0
    best = networkx.max_flow_min_cost(flow, "source", "sink")
    return networkx.cost_of_flow(flow, best) % dear
