"""What would move now, or without some parts of the fleet, and what would have nobody then: pure.

As if it were quiet, and every hold-down were over.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from evenrack.balance.bmc_owners import decide_bmc_owners
from evenrack.balance.dhcp_pairs import PairDecisions, decide_pairs
from evenrack.balance.managing import decide_managing
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.what_if import Parts, find_parts, without
from evenrack.model.dhcp_roles import Pair
from evenrack.model.fleet import Fleet
from evenrack.model.network import Vlan
from evenrack.region.leading.decision_events import designated, moved, owned


@frozen(kw_only=True)
class PlanPolicies:
    """The bands in which nothing moves, as the configuration has them."""

    managing: SpreadPolicy
    bmc: SpreadPolicy


def balance_plan(fleet: Fleet, names: Iterable[str], policies: PlanPolicies) -> dict[str, Any]:
    """Give the moves that would be made, and what would have nobody; PartUnknown for a wrong name.

    The keys of the moves are those of `balance history`. What is held (`held`) makes no voluntary
    moves.
    """
    gone = find_parts(fleet, names)
    then = without(fleet, gone)
    voluntary = not then.is_held
    lost = [rack for rack in then.racks if not then.is_connected(rack)]
    managing = decide_managing(then, policies.managing, waiting=(), voluntary=voluntary)
    owners = decide_bmc_owners(then, policies.bmc, held=(), voluntary=voluntary)
    pairs = decide_pairs(then, lost=lost)
    events = [
        *(moved(then, move) for move in managing),
        *(owned(then, move) for move in owners),
        *(designated(then, move) for move in pairs.moves),
    ]
    return {
        "moves": [event.data for event in events],
        "nobody": [
            {"object": where, "why": why} for where, why in _nobody(fleet, then, gone, pairs)
        ],
        "held": then.is_held,
    }


def _nobody(
    fleet: Fleet, then: Fleet, gone: Parts, pairs: PairDecisions
) -> Iterator[tuple[str, str]]:
    """Give what has nobody afterwards (`rack:ID`, `vlan:NAME`, `bmc:NAME`), each with why."""
    for rack in then.racks.values():
        if not (then.is_connected(rack.id) or rack.id in gone.racks or rack.stopped):
            before = ", ".join(fleet.reach[rack.id])
            why = f"is connected to {before} only" if before else "is connected to no process"
            yield f"rack:{rack.id}", f"{rack.hostname} {why}"
    if not then.live:
        return  # nobody hears of any rack then; what they serve they go on serving
    for vlan in then.vlans.values():
        after = pairs.pairs[vlan.id] if vlan.id in pairs.pairs else then.pairs.get(vlan.id)
        if vlan.has_racks and not _is_served(then, vlan, after):
            yield f"vlan:{vlan.name}", f"{vlan.name}: {_why_unserved(then, vlan, after)}"
    for bmc, reach in then.bmc_reach.items():
        if not reach:
            name = then.bmcs[bmc].name
            yield f"bmc:{name}", f"{name}: no connected rack reaches it"


def _is_served(then: Fleet, vlan: Vlan, pair: Pair | None) -> bool:
    racks = () if pair is None else pair.racks
    return any(rack in then.attached[vlan.id] and then.is_connected(rack) for rack in racks)


def _why_unserved(then: Fleet, vlan: Vlan, pair: Pair | None) -> str:
    if not any(then.is_connected(rack) for rack in then.attached[vlan.id]):
        return "no connected rack is on it"
    if pair is None:
        return "the circuit breaker holds, so no rack is designated"
    names = [then.racks[rack].hostname if rack in then.racks else rack for rack in pair.racks]
    return f"its leases are on {' and '.join(names)} only, so no other rack succeeds"
