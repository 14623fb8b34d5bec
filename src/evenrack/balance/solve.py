"""`evenrack balance solve`: the pure balancer on a state from a file."""

from typing import Any

from evenrack.balance.pair_solving import solve_pairs
from evenrack.balance.spread import settle
from evenrack.balance.state_file import PairState, SpreadState


def solve(state: SpreadState | PairState) -> dict[str, Any]:
    """Give the answer as JSON: who owns what, and the moves that led there, each with a reason.

    The same state gives the same answer, byte for byte; the answer, given back, moves nothing.
    """
    return _solve_spread(state) if isinstance(state, SpreadState) else _solve_pairs(state)


def _solve_spread(state: SpreadState) -> dict[str, Any]:
    settled = settle(state.bins, state.items, state.policy, voluntary=True)
    return {
        "owners": dict(settled.owners),
        "moves": [
            {
                "item": move.item,
                "from": move.before,
                "to": move.to,
                "forced": move.forced,
                "reason": move.reason,
            }
            for move in settled.moves
        ],
    }


def _solve_pairs(state: PairState) -> dict[str, Any]:
    solved = solve_pairs(state.racks, state.vlans)
    return {
        "pairs": {
            vlan: {
                "primary": designation.primary,
                "secondary": designation.secondary,
                "degraded": designation.degraded,
            }
            for vlan, designation in solved.pairs.items()
        },
        "moves": [
            {
                "vlan": move.vlan,
                "role": move.role,
                "from": move.before,
                "to": move.to,
                "forced": move.forced,
                "reason": move.reason,
            }
            for move in solved.moves
        ],
    }
