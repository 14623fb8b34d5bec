"""Spread items over bins in one go: legal, even within a band, and with few moves.

An item may go to the bins in its reach. What has no live owner is placed at once (forced);
what is merely uneven is moved along the shortest useful path (voluntary): first between bins,
which lowers the sum of squares of their loads, then between hosts where bins stay as even as
they are, which lowers that of the hosts. So settling ends, and a second pass moves nothing.
"""

from collections.abc import Iterable, Mapping

from attrs import frozen

from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import (
    Bin,
    Item,
    Move,
    Words,
    one_for_each_item,
    plain_words,
)


@frozen(kw_only=True)
class Settled:
    """Who owns what now, and the moves that led there."""

    owners: Mapping[str, str | None]
    moves: tuple[Move, ...]


def settle(
    bins: Iterable[Bin],
    items: Iterable[Item],
    policy: SpreadPolicy,
    *,
    voluntary: bool,
    words: Words = plain_words,
) -> Settled:
    """Place what has no owner; with `voluntary`, move until all is in band.

    The same input gives the same answer whatever the order of bins and items.
    """
    spreading = Spreading(policy, words)
    known = sorted(items, key=lambda item: item.id)
    for each in sorted(bins, key=lambda b: b.id):
        spreading.open_bin(each)
    for item in known:
        spreading.put_item(item.id, item.reach, item.owner)
    moves = list(spreading.place())
    if voluntary:
        moves += spreading.empty_draining()
        more = spreading.audit()
        while more:
            moves += more
            more = spreading.audit()
    owners = {item.id: spreading.owner_of(item.id) for item in known}
    given_up = [
        Move(
            item=item.id,
            before=item.owner,
            to=None,
            forced=True,
            reason="nothing reaches it any more",
        )
        for item in known
        if item.owner is not None and owners[item.id] is None
    ]
    return Settled(owners=owners, moves=one_for_each_item([*moves, *given_up]))
