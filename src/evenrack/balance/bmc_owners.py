"""Which rack carries out the orders of each BMC."""

from collections.abc import Collection, Mapping

from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin, Move
from evenrack.model.differing import differing
from evenrack.model.fleet import Fleet, Rack
from evenrack.model.identifiers import BmcId, RackId

AUDITED_AT_ONCE = 5_000
"""So many BMCs an audit tells the engine of again; it must not hold up a decision."""

MOST_AT_ONCE = 5_000
"""So many voluntary moves are made in one decision; the others follow in the next ones."""


class BmcBalance:
    """Goes along with the readings of the fleet, so that a decision costs what has changed."""

    def __init__(self, policy: SpreadPolicy) -> None:
        self._spreading = Spreading(policy, self._words)
        self._racks: Mapping[RackId, Rack] = {}
        self._capacities: dict[RackId, int] = {}
        self._held: frozenset[RackId] = frozenset()
        self._seen: tuple[Mapping[BmcId, object], ...] = ({}, {}, {})
        self._moved: set[BmcId] = set()
        """What the last decision moved: perhaps it was never written down."""
        self._audited = 0

    def decide(
        self,
        fleet: Fleet,
        *,
        held: Collection[RackId],
        voluntary: bool,
        avoid: Collection[str] = (),
        most: int = MOST_AT_ONCE,
    ) -> tuple[Move, ...]:
        """Give the moves of owners that this fleet needs now; none when all is well.

        A BMC that answered a rack in `held`, lost only a moment ago, stays with it: orders go
        around it at once. One that answers nobody stays with its rack as well: it is the BMC that
        is away. While the circuit breaker holds, what is said of `held` is so for every rack that
        is away. Racks in `avoid` may be going.
        """
        if fleet.breaker_holds:
            held = [rack for rack in fleet.racks if not fleet.is_connected(rack)]
        self._racks = fleet.racks
        self._follow_racks(fleet, frozenset(held))
        self._follow_bmcs(fleet)
        moves = self._spreading.decide(voluntary=voluntary, avoid=avoid, most=most)
        self._moved = {BmcId(int(move.item)) for move in moves}
        return moves

    def audit_next(self) -> None:
        """Look at every rack in the next voluntary decision, and at some BMCs whatever was told."""
        self._spreading.needs_audit = True
        known = list(self._seen[0])
        self._moved.update(known[self._audited : self._audited + AUDITED_AT_ONCE])
        self._audited = (self._audited + AUDITED_AT_ONCE) if known[self._audited :] else 0

    def _follow_racks(self, fleet: Fleet, held: frozenset[RackId]) -> None:
        capacities = {
            rack: int(rack not in fleet.draining) for rack in fleet.racks if rack in fleet.connected
        }
        for rack in sorted((self._capacities.keys() | self._held | held) - capacities.keys()):
            self._spreading.close_bin(rack, keep=rack in held)
        for rack, capacity in sorted(capacities.items() - self._capacities.items()):
            self._spreading.open_bin(Bin(id=rack, capacity=capacity))
        self._capacities, self._held = capacities, held

    def _follow_bmcs(self, fleet: Fleet) -> None:
        now = (fleet.bmcs, fleet.answered, fleet.bmc_owners)
        changed = self._moved.union(*map(differing, self._seen, now))
        for bmc in sorted(changed):
            if bmc in fleet.bmcs:
                answered = fleet.answered.get(bmc, ())
                self._spreading.put_item(str(bmc), answered, fleet.bmc_owners.get(bmc))
            else:
                self._spreading.forget_item(str(bmc))
        self._seen = now

    def _words(self, rack: str, load: int) -> str:
        name = self._racks[RackId(rack)].hostname
        return f"{name} owns {load} BMC{'' if load == 1 else 's'}"


def decide_bmc_owners(
    fleet: Fleet, policy: SpreadPolicy, *, held: Collection[RackId], voluntary: bool
) -> tuple[Move, ...]:
    """Give the moves that this fleet needs, by itself and all of them: `BmcBalance` once."""
    balance = BmcBalance(policy)
    balance.audit_next()
    return balance.decide(fleet, held=held, voluntary=voluntary, most=len(fleet.bmcs))
