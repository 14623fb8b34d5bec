"""How many VLANs each rack has in which role, and with which partner; and who is to get the next.

A change of one VLAN costs two counts, whatever the number of VLANs.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from evenrack.model.dhcp_roles import Pair
from evenrack.model.identifiers import RackId

WEIGHT_OF_SAME_PAIR = 4
"""How much a VLAN that two racks have in the same roles already counts against giving them another:
the partners of a primary are many, so that its loss does not double the load of one of them."""


class PairLoads:
    """Counts of designations."""

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._primaries: Counter[RackId] = Counter()
        self._secondaries: Counter[RackId] = Counter()
        self._shared: Counter[tuple[RackId, RackId]] = Counter()
        for pair in pairs:
            self.add(pair)

    def add(self, pair: Pair) -> None:
        """Count a designation."""
        self._count(pair, 1)

    def remove(self, pair: Pair) -> None:
        """Count a designation no more."""
        self._count(pair, -1)

    def primaries(self, rack: RackId) -> int:
        """Count the VLANs of which a rack is the primary."""
        return self._primaries[rack]

    def best_primary(self, racks: Sequence[RackId]) -> RackId | None:
        """Name the rack that should be the primary of one more VLAN; None out of none."""
        return min(racks, key=lambda r: (self._primaries[r], self._secondaries[r], r), default=None)

    def best_secondary(self, primary: RackId, racks: Sequence[RackId]) -> RackId | None:
        """Name the rack that should be the secondary of one more VLAN of this primary."""

        def weight(rack: RackId) -> tuple[int, int, RackId]:
            shared = WEIGHT_OF_SAME_PAIR * self._shared[primary, rack]
            return self._secondaries[rack] + shared, self._primaries[rack], rack

        return min(racks, key=weight, default=None)

    def _count(self, pair: Pair, by: int) -> None:
        self._primaries[pair.primary] += by
        if pair.secondary is not None:
            self._secondaries[pair.secondary] += by
            self._shared[pair.primary, pair.secondary] += by
