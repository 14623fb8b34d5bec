"""Which rack carries out the orders of each BMC: pure."""

from collections.abc import Collection

from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread import settle
from evenrack.balance.spread_values import Bin, Item, Move
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import BmcId, RackId


def decide_bmc_owners(
    fleet: Fleet, policy: SpreadPolicy, *, held: Collection[RackId], voluntary: bool
) -> tuple[Move, ...]:
    """Give the moves of owners that this fleet needs now; none when all is well.

    A BMC of a rack in `held`, lost only a moment ago, stays with it: orders go around it at once.
    One that answers nobody stays with its rack as well: it is the BMC that is away.
    """
    items = [
        Item(id=str(bmc), reach=reach, owner=fleet.bmc_owners.get(bmc))
        for bmc, reach in fleet.bmc_reach.items()
        if _is_to_be_placed(fleet, bmc, held)
    ]
    racks = [rack for rack in sorted(fleet.racks) if fleet.is_connected(rack)]
    bins = [Bin(id=rack) for rack in racks]

    def words(rack: str, load: int) -> str:
        name = fleet.racks[RackId(rack)].hostname
        return f"{name} owns {load} BMC{'' if load == 1 else 's'}"

    return settle(bins, items, policy, voluntary=voluntary, words=words).moves


def _is_to_be_placed(fleet: Fleet, bmc: BmcId, held: Collection[RackId]) -> bool:
    return bool(fleet.bmc_reach[bmc]) and fleet.bmc_owners.get(bmc) not in held
