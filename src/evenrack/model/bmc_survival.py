"""Which BMCs no connected rack reaches, and which hang on one alone."""

from collections import Counter
from collections.abc import Collection, Mapping, Set

from attrs import field, frozen

from evenrack.model.differing import differing
from evenrack.model.identifiers import BmcId, RackId

Answered = Mapping[BmcId, tuple[RackId, ...]]


@frozen(kw_only=True)
class BmcSurvival:
    """How the BMCs are, of a fleet."""

    unreached: tuple[BmcId, ...] = ()
    """Those that answer no connected rack, in the order of their ids."""
    alone: Mapping[RackId, int] = field(factory=dict)
    """How many BMCs answer just this one of the connected racks; none is 0."""


def survival_of(bmcs: Collection[BmcId], answered: Answered, connected: Set[RackId]) -> BmcSurvival:
    """Find out for all of them."""
    return BmcSurvivalIndex().follow(dict.fromkeys(bmcs), answered, connected)


class BmcSurvivalIndex:
    """Goes along with the readings; a look costs the BMCs to which something happened."""

    def __init__(self) -> None:
        self._bmcs: Mapping[BmcId, object] = {}
        self._answered: Answered = {}
        self._connected: Set[RackId] = frozenset()
        self._of_rack: dict[RackId, set[BmcId]] = {}
        self._unreached: set[BmcId] = set()
        self._only: dict[BmcId, RackId] = {}
        self._alone: Counter[RackId] = Counter()
        self._last = BmcSurvival()

    def follow(
        self, bmcs: Mapping[BmcId, object], answered: Answered, connected: Set[RackId]
    ) -> BmcSurvival:
        """Take in the BMCs, which racks they answer, and which racks are connected."""
        changed = {*differing(self._bmcs, bmcs), *self._index(answered)}
        for rack in connected ^ self._connected:
            changed |= self._of_rack.get(rack, set())
        self._bmcs, self._connected = bmcs, connected
        if changed:
            for bmc in changed:
                self._look_at(bmc)
            alone = {rack: count for rack, count in self._alone.items() if count}
            self._last = BmcSurvival(unreached=tuple(sorted(self._unreached)), alone=alone)
        return self._last

    def _index(self, answered: Answered) -> list[BmcId]:
        changed = differing(self._answered, answered)
        for bmc in changed:
            for rack in self._answered.get(bmc, ()):
                self._of_rack[rack].discard(bmc)
            for rack in answered.get(bmc, ()):
                self._of_rack.setdefault(rack, set()).add(bmc)
        self._answered = answered
        return changed

    def _look_at(self, bmc: BmcId) -> None:
        self._unreached.discard(bmc)
        only = self._only.pop(bmc, None)
        if only is not None:
            self._alone[only] -= 1
        if bmc not in self._bmcs:
            return
        reach = [rack for rack in self._answered.get(bmc, ()) if rack in self._connected]
        if not reach:
            self._unreached.add(bmc)
        elif len(reach) == 1:
            self._only[bmc] = reach[0]
            self._alone[reach[0]] += 1
