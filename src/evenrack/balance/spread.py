"""Spread items over bins: legal, even within a band, and with few moves.

An item may go to the bins in its reach. What has no live owner is placed at once (forced);
what is merely uneven is moved along the shortest useful path (voluntary): first between bins,
which lowers the sum of squares of their loads, then between hosts where bins stay as even as
they are, which lowers that of the hosts. So settling ends, and a second pass moves nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import define, evolve, field, frozen

from evenrack.balance.policy import SpreadPolicy


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


@frozen(kw_only=True)
class Settled:
    """Who owns what now, and the moves that led there."""

    owners: Mapping[str, str | None]
    moves: tuple[Move, ...]


Words = Callable[[str, int], str]
"""Says what a bin and its load are: ("region1/2", 3) -> "region1/2 manages 3 racks"."""


def plain_words(owner: str, load: int) -> str:
    """Say a bin's load in the plainest words."""
    return f"{owner} has {load}"


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
    spread = _Spread(
        bins={b.id: b for b in sorted(bins, key=lambda b: b.id)},
        items={i.id: i for i in sorted(items, key=lambda i: i.id)},
        policy=policy,
        words=words,
    )
    spread.place_ownerless()
    if voluntary:
        spread.empty_draining()
        spread.even_out()
        while spread.move_between_hosts():
            spread.even_out()
    return Settled(owners=spread.owners, moves=_one_for_each_item(spread.moves))


@define(kw_only=True)
class _Spread:
    """The loads while they change."""

    bins: Mapping[str, Bin]
    items: Mapping[str, Item]
    policy: SpreadPolicy
    words: Words
    owners: dict[str, str | None] = field(factory=dict)
    owned: dict[str, dict[str, None]] = field(factory=dict)
    moves: list[Move] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.owned = {b: {} for b in self.bins}
        for item in self.items.values():
            live = item.owner is not None and item.owner in self._reach(item)
            self.owners[item.id] = item.owner if live else None
            if live and item.owner is not None:
                self.owned[item.owner][item.id] = None

    def place_ownerless(self) -> None:
        """Give every item without a live owner to the least loaded bin that it reaches."""
        for item in self.items.values():
            if self.owners[item.id] is not None:
                continue
            to = self._lightest(self._reach(item))
            if to is not None:
                self._move(item.id, to, forced=True, reason=self._why_forced(item))
            elif item.owner is not None:
                self._record(item.id, None, forced=True, reason="nothing reaches it any more")

    def empty_draining(self) -> None:
        """Move what draining bins hold to bins that take more, where there are any."""
        for source in [b for b in self.bins.values() if b.capacity == 0]:
            for item in list(self.owned[source.id]):
                to = self._lightest(self._reach(self.items[item]), draining=False)
                if to is not None:
                    self._move(item, to, forced=False, reason=f"{source.id} is draining")

    def even_out(self) -> None:
        """Move units along shortest paths until no path from a heavy to a light bin is left."""
        while True:
            path = self._first_useful_path()
            if path is None:
                return
            self._shift_along(path)

    def move_between_hosts(self) -> bool:
        """Make one move that evens out the hosts and leaves the bins as even; False for none."""
        totals = self._host_totals()
        for item in self.items.values():
            source = self.owners[item.id]
            if source is None or not self.bins[source].capacity:
                continue
            targets = [b for b in self._takers(item) if self._helps_hosts(totals, source, b)]
            if targets:
                to = min(targets, key=self._by_weight)
                here, there = self.bins[source].host, self.bins[to].host
                reason = (
                    f"{self.words(here, totals[here][0])}, {self.words(there, totals[there][0])}"
                )
                self._move(item.id, to, forced=False, reason=reason)
                return True
        return False

    def _host_totals(self) -> dict[str, tuple[int, int]]:
        """Give what each host owns, and how many bins it has that take something."""
        totals: dict[str, tuple[int, int]] = {}
        for b in self.bins.values():
            if b.host and b.capacity:
                owned, count = totals.get(b.host, (0, 0))
                totals[b.host] = owned + len(self.owned[b.id]), count + 1
        return totals

    def _helps_hosts(self, totals: Mapping[str, tuple[int, int]], source: str, to: str) -> bool:
        """Tell whether the hosts differ by more than their band, and the bins get no less even."""
        here, there = totals.get(self.bins[source].host), totals.get(self.bins[to].host)
        if here is None or there is None or len(self.owned[source]) <= len(self.owned[to]):
            return False
        share = math.ceil(there[0] * here[1] / there[1])  # what `here` would own at that load
        overshoots = (here[0] - 1) * there[1] < (there[0] + 1) * here[1]
        return here[0] >= self.policy.need(share) and not overshoots

    def _shift_along(self, path: Sequence[tuple[str, str]]) -> None:
        target = path[-1][1]
        source = self.owners[path[0][0]]
        reason = (
            f"{self.words(source or '', len(self.owned[source or '']))}, "
            f"{self.words(target, len(self.owned[target]))}"
        )
        for item, to in reversed(path):
            self._move(item, to, forced=False, reason=reason)

    def _first_useful_path(self) -> list[tuple[str, str]] | None:
        """Give the hops (item, to) of the shortest path that helps, from the heaviest bin first."""
        loads = [len(owned) for b, owned in self.owned.items() if self.bins[b].capacity]
        if not loads or max(loads) < self.policy.need(min(loads)):
            return None  # holds for the whole fleet, without a search
        heaviest_first = sorted(self.owned, key=lambda b: (-len(self.owned[b]), b))
        enough = self.policy.need(min(loads))
        paths = (self._path_from(b) for b in heaviest_first if len(self.owned[b]) >= enough)
        return next((path for path in paths if path is not None), None)

    def _path_from(self, source: str) -> list[tuple[str, str]] | None:
        """Search breadth-first for the nearest bins light enough; take the lightest of them."""
        came: dict[str, tuple[str, str]] = {}
        level = [source]
        while level:
            following: list[str] = []
            for here in level:
                for item in self.owned[here]:
                    for there in self._takers(self.items[item]):
                        if there != source and there not in came:
                            came[there] = (item, here)
                            following.append(there)
            helped = [b for b in following if self._helps(source, b)]
            if helped:
                return _hops(came, source, min(helped, key=self._by_weight))
            level = following
        return None

    def _helps(self, source: str, target: str) -> bool:
        return len(self.owned[source]) >= self.policy.need(len(self.owned[target]))

    def _reach(self, item: Item) -> list[str]:
        return [b for b in sorted(set(item.reach)) if b in self.bins]

    def _takers(self, item: Item) -> list[str]:
        return [b for b in self._reach(item) if self.bins[b].capacity]

    def _lightest(self, among: Sequence[str], *, draining: bool = True) -> str | None:
        """Give the least loaded of these bins; a draining one only as the last resort."""
        takers = [b for b in among if self.bins[b].capacity]
        candidates = takers or (list(among) if draining else [])
        return min(candidates, key=self._by_weight, default=None)

    def _by_weight(self, candidate: str) -> tuple[int, float, str]:
        """Order bins: own load, then the load of the host for each of its bins, then the name."""
        host = self.bins[candidate].host
        on_host = [len(self.owned[b]) for b in self.bins if self.bins[b].host == host]
        return len(self.owned[candidate]), sum(on_host) / len(on_host), candidate

    def _why_forced(self, item: Item) -> str:
        if item.owner is None:
            return "it has no owner yet"
        if item.owner not in self.bins:
            return f"{item.owner} is gone"
        return f"it lost its link to {item.owner}"

    def _move(self, item: str, to: str, *, forced: bool, reason: str) -> None:
        before = self.owners[item]
        if before is not None:
            del self.owned[before][item]
        self.owned[to][item] = None
        self._record(item, to, forced=forced, reason=reason)

    def _record(self, item: str, to: str | None, *, forced: bool, reason: str) -> None:
        before = self.items[item].owner if forced else self.owners[item]
        self.owners[item] = to
        self.moves.append(Move(item=item, before=before, to=to, forced=forced, reason=reason))


def _one_for_each_item(moves: Iterable[Move]) -> tuple[Move, ...]:
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


def _hops(came: Mapping[str, tuple[str, str]], source: str, target: str) -> list[tuple[str, str]]:
    path: list[tuple[str, str]] = []
    while target != source:
        item, before = came[target]
        path.append((item, target))
        target = before
    return path[::-1]
