"""Voluntary moves between hosts: only where bins stay as even as they are (P7)."""

import math

from evenrack.balance.engine.holdings import Group, Holder, Holdings
from evenrack.balance.engine.host_loads import HostLoad
from evenrack.balance.engine.placing import weight_in
from evenrack.balance.engine.search import Hop
from evenrack.balance.policy import SpreadPolicy


def move_between_hosts(holdings: Holdings, policy: SpreadPolicy) -> Hop | None:
    """Give a move that evens out the hosts and leaves the bins no less even; None for none.

    It lowers the sum of squares of what the hosts own, so that such moves end.
    """
    if not _may_be_uneven(holdings, policy):
        return None
    heaviest_first = sorted(holdings.levels.upward(), key=lambda b: (-b.load, b.id))
    for source in heaviest_first:
        for group in source.occupied:
            target = _target(holdings, policy, group, source)
            if target is not None:
                return Hop(group, source, target)
    return None


def _may_be_uneven(holdings: Holdings, policy: SpreadPolicy) -> bool:
    """Tell whether any two hosts differ by more than their band: no search without."""
    loads = [load for host in holdings.hosts if (load := holdings.hosts.get(host)) is not None]
    return any(_is_worth_it(policy, here, there) for here in loads for there in loads)


def _target(
    holdings: Holdings, policy: SpreadPolicy, group: Group, source: Holder
) -> Holder | None:
    here = holdings.hosts.get(source.host)
    if here is None:
        return None
    helped = []
    for holder in group.takers:
        there = holdings.hosts.get(holder.host)
        if there is not None and source.load > holder.load and _is_worth_it(policy, here, there):
            helped.append(holder)
    return min(helped, key=weight_in(holdings), default=None)


def _is_worth_it(policy: SpreadPolicy, here: HostLoad, there: HostLoad) -> bool:
    share = math.ceil(there.owned * here.bins / there.bins)  # what `here` would own at that load
    overshoots = (here.owned - 1) * there.bins < (there.owned + 1) * here.bins
    return here.owned >= policy.need(share) and not overshoots
