"""Which rack carries out the orders of each BMC."""

from collections.abc import Collection

from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin, Move
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import BmcId, RackId

MOST_AT_ONCE = 5_000
"""So many voluntary moves are made in one decision; the others follow in the next ones."""


class BmcBalance:
    """Goes along with the readings of the fleet, so that a decision costs what has changed."""

    def __init__(self, policy: SpreadPolicy) -> None:
        self._spreading = Spreading(policy, self._words)
        self._names: dict[RackId, str] = {}
        self._bins: dict[RackId, Bin] = {}
        self._held: frozenset[RackId] = frozenset()

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
        self._names = {rack.id: rack.hostname for rack in fleet.racks.values()}
        self._follow_racks(fleet, frozenset(held))
        self._follow_bmcs(fleet)
        return self._spreading.decide(voluntary=voluntary, avoid=avoid, most=most)

    def audit_next(self) -> None:
        """Look at every rack and BMC in the next voluntary decision, not only at changes."""
        self._spreading.needs_audit = True

    def _follow_racks(self, fleet: Fleet, held: frozenset[RackId]) -> None:
        bins = {
            rack: Bin(id=rack, capacity=int(rack not in fleet.draining))
            for rack in sorted(fleet.racks)
            if fleet.is_connected(rack)
        }
        for rack in sorted((self._bins.keys() | self._held | held) - bins.keys()):
            self._spreading.close_bin(rack, keep=rack in held)
        for each in bins.values():
            self._spreading.open_bin(each)
        self._bins, self._held = bins, held

    def _follow_bmcs(self, fleet: Fleet) -> None:
        for known in self._spreading.items():
            if BmcId(int(known)) not in fleet.bmcs:
                self._spreading.forget_item(known)
        for bmc in sorted(fleet.bmcs):
            answered = fleet.answered.get(bmc, ())
            self._spreading.put_item(str(bmc), answered, fleet.bmc_owners.get(bmc))

    def _words(self, rack: str, load: int) -> str:
        name = self._names[RackId(rack)]
        return f"{name} owns {load} BMC{'' if load == 1 else 's'}"


def decide_bmc_owners(
    fleet: Fleet, policy: SpreadPolicy, *, held: Collection[RackId], voluntary: bool
) -> tuple[Move, ...]:
    """Give the moves that this fleet needs, by itself and all of them: `BmcBalance` once."""
    balance = BmcBalance(policy)
    balance.audit_next()
    return balance.decide(fleet, held=held, voluntary=voluntary, most=len(fleet.bmcs))
