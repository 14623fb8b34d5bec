"""The engine as its users see it: tell it what changed, then let it place and settle."""

from collections.abc import Collection

from evenrack.balance.engine.holdings import Holder, Holdings
from evenrack.balance.engine.host_evenness import move_between_hosts
from evenrack.balance.engine.placing import lightest, place
from evenrack.balance.engine.search import Hop
from evenrack.balance.engine.settling import ALL, Settling
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin, Move, Words, one_for_each_item, plain_words


class Spreading:
    """Who owns what, kept legal at each event and even in quiet moments.

    What happens is told by `open_bin`, `close_bin`, `put_item` and `forget_item`; nothing moves
    by that. `place` makes the moves that are forced, `empty_draining` those that were asked for,
    `settle` those that make it even; each gives what it moved. The same events give the same
    moves, byte for byte.
    """

    def __init__(self, policy: SpreadPolicy, words: Words = plain_words) -> None:
        self._policy = policy
        self._words = words
        self._holdings = Holdings()
        self._open: dict[str, Bin] = {}
        self._draining: set[str] = set()
        self._moves: list[Move] = []
        self.needs_audit = False
        """Something moved over more than one bin: only `audit` can tell that all is in band."""

    def items(self) -> Collection[str]:
        """Give the ids of all items that it knows."""
        return list(self._holdings.items())

    def owner_of(self, item: str) -> str | None:
        """Name the bin that owns an item; None for nobody, or an unknown item."""
        return self._holdings.owner_of(item)

    def load_of(self, bin_id: str) -> int:
        """Count what a bin owns; 0 for an unknown one."""
        known = self._holdings.holders.get(bin_id)
        return 0 if known is None else known.load

    def open_bin(self, opened: Bin) -> None:
        """Note that a bin is live, or changed; what it had last is its own again."""
        if self._open.get(opened.id) != opened:
            self._open[opened.id] = opened
            (self._draining.discard if opened.capacity else self._draining.add)(opened.id)
            self._holdings.open(
                self._holdings.holder(opened.id), host=opened.host, takes=opened.capacity > 0
            )

    def close_bin(self, bin_id: str, *, keep: bool = False) -> None:
        """Note that a bin is gone; with `keep` it owns what it has until it is closed without."""
        self._open.pop(bin_id, None)
        self._draining.discard(bin_id)
        known = self._holdings.holder(bin_id) if keep else self._holdings.holders.get(bin_id)
        if known is not None and (known.live or known.kept != keep):
            self._holdings.close(known, keep=keep)

    def put_item(self, item: str, reach: tuple[str, ...], owner: str | None) -> None:
        """Note an item: new, with another reach, or known to have another owner."""
        self._holdings.put(item, reach, owner)

    def forget_item(self, item: str) -> None:
        """Note that an item is gone."""
        self._holdings.forget(item)

    def decide(
        self, *, voluntary: bool, avoid: Collection[str] = (), most: int = ALL
    ) -> tuple[Move, ...]:
        """Make every move that is due: forced, asked for, and with `voluntary` those for evenness.

        At most so many of each kind that can wait. See `place`, `empty_draining`, `settle`.
        """
        moves = [*self.place(avoid=avoid), *self.empty_draining(most=most)]
        if voluntary:
            moves += self.audit(most=most) if self.needs_audit else self.settle(most=most)
        return one_for_each_item(moves)

    def place(self, *, avoid: Collection[str] = ()) -> tuple[Move, ...]:
        """Give every item without an owner to the lightest bin in its reach.

        Bins in `avoid`, which may be about to go as well, are the last resort.
        """
        place(self._holdings, self._placed, avoid=avoid)
        return self._told()

    def empty_draining(self, *, most: int = ALL) -> tuple[Move, ...]:
        """Move away what draining bins have, where another takes it, at most so many at once.

        It was asked for: it waits for no quiet moment, and has nothing to do with the band.
        """
        for source in [self._holdings.holders[bin_id] for bin_id in sorted(self._draining)]:
            for group in list(source.occupied):
                for item in list(group.owned[source]):
                    to = lightest(self._holdings, group, draining=False)
                    if to is None or not most:
                        break
                    self._note(item, source.id, to.id, f"{source.id} is draining", forced=False)
                    self._holdings.pass_on(group, source, to, item)
                    most -= 1
        return self._told()

    def settle(self, *, most: int = ALL) -> tuple[Move, ...]:
        """Make voluntary moves until all is in band, at most about so many; again for the rest."""
        left = most
        while left > 0:
            settling = Settling(
                holdings=self._holdings, policy=self._policy, shifted=self._shifted, left=left
            )
            if not settling.settle():
                break
            left = settling.left
            hop = move_between_hosts(self._holdings, self._policy) if left else None
            if hop is None:
                break
            left -= 1
            self._move_to_other_host(hop)
        return self._told()

    def audit(self, *, most: int = ALL) -> tuple[Move, ...]:
        """Settle with a look at every bin: it finds what no event has touched."""
        self.needs_audit = False
        self._holdings.touch_all()
        return self.settle(most=most)

    def _placed(self, item: str, last: str | None, to: Holder) -> None:
        self._note(item, last, to.id, self._why_forced(last), forced=True)

    def _why_forced(self, last: str | None) -> str:
        if last is None:
            return "it has no owner yet"
        if last not in self._open:
            return f"{last} is gone"
        return f"it lost its link to {last}"

    def _shifted(self, path: list[Hop], items: list[str]) -> None:
        source, target = path[0].source, path[-1].target
        reason = f"{self._words(source.id, source.load)}, {self._words(target.id, target.load)}"
        self.needs_audit = self.needs_audit or len(path) > 1
        for hop, item in zip(path, items, strict=True):
            self._note(item, hop.source.id, hop.target.id, reason, forced=False)

    def _move_to_other_host(self, hop: Hop) -> None:
        item = next(iter(hop.group.owned[hop.source]))
        reason = ", ".join(
            self._words(host, load.owned)
            for host in (hop.source.host, hop.target.host)
            if (load := self._holdings.hosts.get(host)) is not None
        )
        self._note(item, hop.source.id, hop.target.id, reason, forced=False)
        self._holdings.pass_on(hop.group, hop.source, hop.target, item)

    def _note(self, item: str, before: str | None, to: str, reason: str, *, forced: bool) -> None:
        self._moves.append(Move(item=item, before=before, to=to, forced=forced, reason=reason))

    def _told(self) -> tuple[Move, ...]:
        told = one_for_each_item(self._moves)
        self._moves.clear()
        return told
