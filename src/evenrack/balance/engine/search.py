"""Breadth-first search over groups, from a bin along what its items may do."""

from collections.abc import Iterator

from attrs import define, field, frozen

from evenrack.balance.engine.holdings import Group, Holder


@frozen
class Hop:
    """One item of a group goes from one bin to another."""

    group: Group
    source: Holder
    target: Holder


@define
class Vain:
    """What was searched in vain: nothing can leave it as long as no load in it changes."""

    groups: set[Group] = field(factory=set)
    holders: set[Holder] = field(factory=set)


@define(kw_only=True)
class Search:
    """One search; each group and each bin is entered once."""

    start: Holder
    onward: bool
    """Along where items may go; otherwise back along where they may come from."""
    until: int
    """A bin with this load is as good as any can be: the search goes no further."""
    vain: Vain
    _came: dict[Holder, tuple[Group, Holder] | None] = field(factory=dict)
    """By which group, and from which bin, each bin was reached."""
    _seen: dict[Group, None] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._came[self.start] = None

    def levels(self) -> Iterator[list[Holder]]:
        """Give the bins that are one hop away, then two, and so on, none of them twice.

        When all were given in vain, later searches leave out what this one has seen.
        """
        level = self._beyond([self.start])
        while level:
            yield level
            level = self._beyond(level)
        self.vain.groups.update(self._seen)
        self.vain.holders.update(self._came)

    def path(self, end: Holder) -> list[Hop]:
        """Give the hops that lead to this bin, or from it to the start."""
        hops = []
        here, step = end, self._came[end]
        while step is not None:
            group, before = step
            hops.append(Hop(group, before, here) if self.onward else Hop(group, here, before))
            here, step = before, self._came[before]
        return hops[::-1] if self.onward else hops

    def _beyond(self, level: list[Holder]) -> list[Holder]:
        came, seen, vain = self._came, self._seen, self.vain  # this loop is where the time goes
        found: list[Holder] = []
        for here in level:
            for group in here.occupied if self.onward else here.groups:
                if group in seen or group in vain.groups:
                    continue
                seen[group] = None
                for there in group.members if self.onward else group.owned:
                    if there not in came and there.takes and there not in vain.holders:
                        came[there] = (group, here)
                        found.append(there)
                        if there.load == self.until:
                            return found
        return found
