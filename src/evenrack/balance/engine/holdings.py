"""Who has what: bins, items in groups of the same reach, and the loads; pure bookkeeping.

Items with the same reach form a group, so that an event costs the groups that it touches, never
items x bins. Nothing here decides: `placing`, `settling` and `host_evenness` do.
"""

from collections.abc import Iterator, Sequence

from attrs import define, field

from evenrack.balance.engine.host_loads import HostLoads
from evenrack.balance.engine.load_levels import LoadLevels


@define(eq=False)
class Holder:
    """A bin: known as soon as a reach names it, live or not."""

    id: str
    host: str = ""
    live: bool = False
    takes: bool = False
    """It is live and does not drain."""
    kept: bool = False
    """It is gone, but what it owns stays with it for a while."""
    load: int = 0
    changed: int = 0
    """When its load last changed, as a count of all such changes: breaks ties."""
    groups: dict["Group", None] = field(factory=dict)
    """The groups whose items reach it."""
    occupied: dict["Group", None] = field(factory=dict)
    """The groups of which it owns an item."""

    @property
    def counts(self) -> bool:
        """Whether it is one of those over which items are spread: something can reach it."""
        return self.takes and bool(self.groups)


@define(eq=False, weakref_slot=False)
class Group:
    """The items that reach exactly these bins."""

    reach: tuple[str, ...]
    """The ids of its members, in order."""
    members: tuple[Holder, ...]
    owned: dict[Holder, dict[str, None]] = field(factory=dict)
    """The items of each holder that has any; the one that came first is the first."""
    ownerless: dict[str, str | None] = field(factory=dict)
    """The others, each with the bin that it had last."""

    @property
    def takers(self) -> list[Holder]:
        """The members that take something, in the order of their ids."""
        return [holder for holder in self.members if holder.takes]


@define(kw_only=True)
class Holdings:
    """All of it, with the indexes that make an event cheap."""

    holders: dict[str, Holder] = field(factory=dict)
    levels: LoadLevels[Holder] = field(factory=LoadLevels)
    """The holders that count, by load."""
    hosts: HostLoads = field(factory=HostLoads)
    unplaced: dict[Group, None] = field(factory=dict)
    """Groups with ownerless items that somebody may take now."""
    touched: dict[Holder, None] = field(factory=dict)
    """What changed since the balance was last settled."""
    _groups: dict[tuple[str, ...], Group] = field(factory=dict)
    _where: dict[str, tuple[Group, Holder | None]] = field(factory=dict)
    _changes: int = 0

    def items(self) -> Iterator[str]:
        """Give every item, in the order in which they came."""
        return iter(self._where)

    def owner_of(self, item: str) -> str | None:
        """Name the bin that has the item, live or kept; None for an ownerless or unknown one."""
        _, holder = self._where.get(item, (None, None))
        return None if holder is None else holder.id

    def holder(self, bin_id: str) -> Holder:
        """Give the record of a bin, made if need be."""
        known = self.holders.get(bin_id)
        if known is None:
            known = self.holders[bin_id] = Holder(bin_id)
        return known

    def open(self, holder: Holder, *, host: str, takes: bool) -> None:
        """Let a bin be live; what it had last and nobody else has is its own again."""
        self._leave_indexes(holder)
        holder.host, holder.live, holder.kept, holder.takes = host, True, False, takes
        self._enter_indexes(holder)
        self.touched[holder] = None
        self._take_back(holder)
        for group in holder.groups:
            self._want_places(group)

    def close(self, holder: Holder, *, keep: bool) -> None:
        """Let a bin be gone; with `keep` it goes on owning what it had last, until it is released.

        That is what reaches it: of anything else it had only the note.
        """
        self._leave_indexes(holder)
        holder.live, holder.takes, holder.kept = False, False, keep
        self.touched.pop(holder, None)
        if keep:
            self._take_back(holder)
        else:
            for group in list(holder.occupied):
                for item in list(group.owned[holder]):
                    self.take_away(group, holder, item)
        self._drop_if_idle(holder)

    def put(self, item: str, reach: tuple[str, ...], owner: str | None) -> None:
        """Note an item, new or changed, with the owner that it is known to have."""
        known = self._where.get(item)
        if known is not None:
            group, holder = known
            had = group.ownerless[item] if holder is None else holder.id
            if had == owner and group.reach in (reach, _in_order(reach)):
                return
            self.forget(item)
        group = self._groups.get(reach) or self._group(_in_order(reach))
        self._where[item] = (group, None)
        group.ownerless[item] = owner
        holds = None if owner is None else self.holders.get(owner)
        if holds is not None and (holds.live or holds.kept) and holds in group.members:
            self.give(group, holds, [item])
        else:
            self._want_places(group)

    def forget(self, item: str) -> None:
        """Drop an item; one that is unknown is no error."""
        known = self._where.get(item)
        if known is None:
            return
        group, holder = known
        if holder is not None:
            self.take_away(group, holder, item)
        del group.ownerless[item], self._where[item]
        if not group.owned and not group.ownerless:
            self._drop(group)

    def give(self, group: Group, holder: Holder, items: Sequence[str]) -> None:
        """Let ownerless items of the group belong to the holder."""
        owned = group.owned.get(holder)
        if owned is None:
            owned = group.owned[holder] = {}
            holder.occupied[group] = None
        where = (group, holder)
        for item in items:
            del group.ownerless[item]
            owned[item] = None
            self._where[item] = where
        if not group.ownerless:
            group.ownerless = {}  # an emptied dictionary would keep its memory
        self._reload(holder, holder.load + len(items))

    def take_away(self, group: Group, holder: Holder, item: str) -> None:
        """Let an item of the group be ownerless, with a note of who had it."""
        self._let_go(group, holder, item)
        self._want_places(group)

    def pass_on(self, group: Group, source: Holder, target: Holder, item: str) -> None:
        """Let an item of the group that the source has belong to the target."""
        self._let_go(group, source, item)
        self.give(group, target, [item])

    def touch_all(self) -> None:
        """Let the next settling look at everything, as an audit does."""
        self.touched = {holder: None for holder in self.holders.values() if holder.takes}

    def _take_back(self, holder: Holder) -> None:
        for group in holder.groups:
            back = [item for item, last in group.ownerless.items() if last == holder.id]
            if back:
                self.give(group, holder, back)

    def _let_go(self, group: Group, holder: Holder, item: str) -> None:
        owned = group.owned[holder]
        del owned[item]
        if not owned:
            del group.owned[holder], holder.occupied[group]
        group.ownerless[item] = holder.id
        self._where[item] = (group, None)
        self._reload(holder, holder.load - 1)

    def _reload(self, holder: Holder, load: int) -> None:
        if holder.counts:
            self.levels.move(holder, holder.load, load)
            self.hosts.change(holder.host, load - holder.load)
        if holder.live:
            self.touched[holder] = None
        self._changes += 1
        holder.load, holder.changed = load, self._changes

    def _enter_indexes(self, holder: Holder) -> None:
        if holder.counts:
            self.levels.add(holder, holder.load)
            self.hosts.add(holder.host, holder.load)

    def _leave_indexes(self, holder: Holder) -> None:
        if holder.counts:
            self.levels.remove(holder, holder.load)
            self.hosts.remove(holder.host, holder.load)

    def _want_places(self, group: Group) -> None:
        if group.ownerless:
            self.unplaced[group] = None

    def _group(self, reach: tuple[str, ...]) -> Group:
        group = self._groups.get(reach)
        if group is None:
            members = tuple(self.holder(bin_id) for bin_id in reach)
            group = self._groups[reach] = Group(reach, members)
            for holder in members:
                is_first = not holder.groups
                holder.groups[group] = None
                if is_first:
                    self._enter_indexes(holder)
        return group

    def _drop(self, group: Group) -> None:
        del self._groups[group.reach]
        self.unplaced.pop(group, None)
        for holder in group.members:
            if len(holder.groups) == 1:
                self._leave_indexes(holder)
            del holder.groups[group]
            self._drop_if_idle(holder)

    def _drop_if_idle(self, holder: Holder) -> None:
        if not (holder.live or holder.kept or holder.groups or holder.occupied):
            del self.holders[holder.id]


def _in_order(reach: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(reach)))
