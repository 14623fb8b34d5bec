"""Voluntary moves: along shortest paths, until no bin is heavier than its band allows.

In band means: no path leads from a bin u to a bin v with load(u) >= need(load(v)). An event can
break that only at the bins that it touched, so the search begins there: from the heavy ones to
where their items may go, then from the light ones to where items may come from.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from attrs import define

from evenrack.balance.engine.holdings import Group, Holder, Holdings
from evenrack.balance.engine.search import Hop, Search, Vain
from evenrack.balance.policy import SpreadPolicy

ALL = 1 << 62


Shifted = Callable[[list[Hop], list[str]], None]
"""Told of each path before it is walked, with the item of each of its hops."""


@define(kw_only=True)
class Settling:
    """One pass over what was touched; ends in band, or when it has made enough moves."""

    holdings: Holdings
    policy: SpreadPolicy
    shifted: Shifted
    left: int = ALL
    """How many more paths may be walked."""

    def settle(self) -> bool:
        """Give whether all is in band; False when there is more to do in another pass."""
        holdings = self.holdings
        while holdings.touched and not self._is_surely_in_band():
            touched, holdings.touched = holdings.touched, {}
            done = self._push_from(touched)
            done = self._pull_to([*touched, *holdings.touched]) and done
            if not done:
                holdings.touched.update(touched)
                return False
        holdings.touched.clear()
        return True

    def _is_surely_in_band(self) -> bool:
        """Tell whether the heaviest and the lightest of all bins are near enough: no search."""
        levels = self.holdings.levels
        return levels.highest < self.policy.need(levels.lowest)

    def _push_from(self, touched: Iterable[Holder]) -> bool:
        heap = [(-holder.load, holder.id, holder) for holder in touched if holder.takes]
        heapify(heap)
        vain = Vain()
        while heap:
            load, _, source = heappop(heap)
            if source.load != -load or source in vain.holders:
                continue
            if source.load < self.policy.need(self.holdings.levels.lowest):
                break
            path = self._path_from(source, vain)
            if path is None:
                continue
            if not self._walk(path):
                return False
            for holder in (source, path[-1].target):
                heappush(heap, (-holder.load, holder.id, holder))
        return True

    def _pull_to(self, touched: Iterable[Holder]) -> bool:
        heap = [(holder.load, holder.id, holder) for holder in touched if holder.takes]
        heapify(heap)
        vain = Vain()
        while heap:
            load, _, target = heappop(heap)
            if target.load != load or target in vain.holders:
                continue
            if not self._pull_directly(target):
                return False
            if self.holdings.levels.highest < self.policy.need(target.load):
                continue
            path = self._path_to(target, vain)
            if path is None:
                continue
            if not self._walk(path):
                return False
            for holder in (path[0].source, target):
                heappush(heap, (holder.load, holder.id, holder))
        return True

    def _pull_directly(self, target: Holder) -> bool:
        """Take from the heaviest bins that have something the target reaches, one at a time."""
        if self.holdings.levels.highest < self.policy.need(target.load):
            return True
        heap = self._neighbours_above(target, self.policy.need(target.load))
        while heap and -heap[0][0] >= self.policy.need(target.load):
            _, name, source, groups = heappop(heap)
            while groups and source not in groups[-1].owned:
                groups.pop()
            if groups:
                if not self._walk([Hop(groups[-1], source, target)]):
                    return False
                heappush(heap, (-source.load, name, source, groups))
        return True

    def _neighbours_above(
        self, target: Holder, load: int
    ) -> list[tuple[int, str, Holder, list[Group]]]:
        found: dict[Holder, list[Group]] = {}
        for group in target.groups:
            for holder in group.owned:
                if holder.load >= load and holder.takes and holder is not target:
                    found.setdefault(holder, []).append(group)
        heap = [(-holder.load, holder.id, holder, groups) for holder, groups in found.items()]
        heapify(heap)
        return heap

    def _path_from(self, source: Holder, vain: Vain) -> list[Hop] | None:
        """Search from a heavy bin for the nearest that are light enough; take the lightest."""
        most = self.policy.lightened(source.load)
        search = Search(start=source, onward=True, until=self.holdings.levels.lowest, vain=vain)
        for level in search.levels():
            light = [holder for holder in level if holder.load <= most]
            if light:
                return search.path(min(light, key=lambda b: (b.load, b.changed, b.id)))
        return None

    def _path_to(self, target: Holder, vain: Vain) -> list[Hop] | None:
        """Search from a light bin for the nearest that are heavy enough; take the heaviest."""
        least = self.policy.need(target.load)
        search = Search(start=target, onward=False, until=self.holdings.levels.highest, vain=vain)
        for level in search.levels():
            heavy = [holder for holder in level if holder.load >= least]
            if heavy:
                return search.path(min(heavy, key=lambda b: (-b.load, b.changed, b.id)))
        return None

    def _walk(self, path: list[Hop]) -> bool:
        """Let one item go over each hop; False when there were moves enough."""
        if not self.left:
            return False
        self.left -= 1
        items = [next(iter(hop.group.owned[hop.source])) for hop in path]
        self.shifted(path, items)
        for hop, item in zip(reversed(path), reversed(items), strict=True):
            self.holdings.pass_on(hop.group, hop.source, hop.target, item)
        return True
