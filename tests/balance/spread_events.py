"""A fleet of bins and items to which anything may happen, beside the engine that is told of it."""

from collections import Counter

from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.spread_values import Bin

HOSTS = ("", "left", "right")


class SpreadWorld:
    """Draws events from a seeded source, and knows what must be true after each."""

    def __init__(self, draw, policy, *, most_bins=6, most_items=30, hosts=("",), keep=True):
        self.draw = draw
        self.spreading = Spreading(policy)
        self.policy = policy
        self.bins = {}
        self.kept = set()
        self.items = {}
        self.owners = {}
        self._names = [f"b{n}" for n in range(most_bins)]
        self._most_items = most_items
        self._hosts = hosts
        self._keep = keep
        self._new = 0

    def reach(self, item):
        """The live bins that an item reaches."""
        return [name for name in self.items[item] if name in self.bins]

    def loads(self):
        """How much each live bin owns, counted anew: what nothing reaches burdens nobody."""
        counted = Counter(self.owners[item] for item in self.items if self._is_owned(item))
        return {name: counted[name] for name in self.bins}

    def _is_owned(self, item):
        return self.owners[item] in self.reach(item)

    def takers(self):
        """The live bins that take something."""
        return [name for name, b in self.bins.items() if b.capacity]

    def happen(self):
        """Let one thing happen; give what."""
        kinds = ["bin", "bin", "item", "item", "item", "reach", "reach", "item gone", "drain"]
        kind = self.draw.choice(kinds + ["release"] * self._keep)
        if kind == "bin":
            self._flip_bin(self.draw.choice(self._names))
        elif kind == "drain" and self.bins:
            name = self.draw.choice(sorted(self.bins))
            self._open(name, capacity=1 - self.bins[name].capacity)
        elif kind == "release" and self.kept:
            name = self.draw.choice(sorted(self.kept))
            self.kept.discard(name)
            self.spreading.close_bin(name)
        elif kind == "item" and len(self.items) < self._most_items:
            self._new += 1
            self._put(f"i{self._new}", None)
        elif kind == "reach" and self.items:
            item = self.draw.choice(sorted(self.items))
            self._put(item, self.owners[item])
        elif kind == "item gone" and self.items:
            item = self.draw.choice(sorted(self.items))
            del self.items[item], self.owners[item]
            self.spreading.forget_item(item)
        return kind

    def resume_all(self):
        """Let no bin drain any more."""
        for name in self.bins:
            self._open(name)

    def audited(self):
        """Settle with a look at everything, as often as that is asked for; give all moves."""
        made = [*self.spreading.empty_draining(), *self.spreading.audit()]
        while self.spreading.needs_audit:
            made += self.spreading.audit()
        return made

    def owned(self, owners):
        """The items that some live bin can have, each as (what it reaches, its owner)."""
        return [(self.reach(item), owners[item]) for item in self.items if self.reach(item)]

    def moved_since(self, before):
        """Count the items that could have stayed where they were, and did not."""
        return sum(
            before[item] in self.reach(item) and self.owners[item] != before[item]
            for item in self.items
        )

    def carry_out(self, moves):
        """Carry out what the engine gave, as the leader writes it."""
        for move in moves:
            assert self.owners[move.item] == move.before, move
            assert move.to != move.before, move
            self.owners[move.item] = move.to

    def _flip_bin(self, name):
        if name not in self.bins:
            self.kept.discard(name)
            self._open(name)
            return
        del self.bins[name]
        keep = self._keep and self.draw.random() < 0.5
        if keep:
            self.kept.add(name)
        self.spreading.close_bin(name, keep=keep)

    def _open(self, name, capacity=1):
        host = self._hosts[self._names.index(name) % len(self._hosts)]
        self.bins[name] = Bin(id=name, host=host, capacity=capacity)
        self.spreading.open_bin(self.bins[name])

    def _put(self, item, owner):
        reach = [name for name in self._names if self.draw.random() < 0.5]
        self.items[item], self.owners[item] = tuple(reach), owner
        self.spreading.put_item(item, tuple(reach), owner)
