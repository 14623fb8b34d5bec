"""Which region process manages which rack."""

from collections.abc import Collection, Mapping

from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin, Move
from evenrack.model.differing import differing
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import ProcessId, RackId

MOST_AT_ONCE = 500
"""So many voluntary moves are made in one decision; the others follow in the next ones."""


class ManagingBalance:
    """Goes along with the readings of the fleet, so that a decision costs what has changed."""

    def __init__(self, policy: SpreadPolicy) -> None:
        self._spreading = Spreading(policy, _words)
        self._bins: dict[ProcessId, Bin] = {}
        self._seen: tuple[Mapping[RackId, object], ...] = ({}, {})
        self._again: set[RackId] = set()
        """Whom the last decision moved, which perhaps was never written down; and who waited."""

    def decide(
        self,
        fleet: Fleet,
        *,
        waiting: Collection[RackId],
        voluntary: bool,
        avoid: Collection[str] = (),
        most: int = MOST_AT_ONCE,
    ) -> tuple[Move, ...]:
        """Give the moves of managing that this fleet needs now; none when all is well.

        A rack without any link keeps the note of its last manager, so that it goes back there when
        it returns, and counts for no process. Racks in `waiting` have only just connected: they
        get their manager when more of their links are there. Processes in `avoid` may be going.
        """
        self._follow_processes(fleet)
        self._follow_racks(fleet, waiting)
        moves = self._spreading.decide(voluntary=voluntary, avoid=avoid, most=most)
        self._again = {*waiting, *(RackId(move.item) for move in moves)}
        return moves

    def audit_next(self) -> None:
        """Look at every process and rack in the next voluntary decision, not only at changes."""
        self._spreading.needs_audit = True
        self._again.update(self._seen[0])

    def _follow_processes(self, fleet: Fleet) -> None:
        bins = {
            process: Bin(
                id=process,
                host=fleet.processes[process].region,
                capacity=int(process not in fleet.draining),
            )
            for process in fleet.live
        }
        for gone in self._bins.keys() - bins.keys():
            self._spreading.close_bin(gone)
        for each in bins.values():
            self._spreading.open_bin(each)
        self._bins = bins

    def _follow_racks(self, fleet: Fleet, waiting: Collection[RackId]) -> None:
        now = (fleet.reach, fleet.managing)
        changed = self._again.union(waiting, *map(differing, self._seen, now))
        for rack in sorted(changed):
            reach = fleet.reach.get(rack, ())
            waits = rack in waiting and fleet.manager_of(rack) is None
            if reach and not waits:
                managing = fleet.managing.get(rack)
                owner = None if managing is None else managing.process
                self._spreading.put_item(rack, reach, owner)
            elif not reach:
                self._spreading.forget_item(rack)
        self._seen = now


def decide_managing(
    fleet: Fleet,
    policy: SpreadPolicy,
    *,
    waiting: Collection[RackId],
    voluntary: bool,
) -> tuple[Move, ...]:
    """Give the moves that this fleet needs, by itself and all of them: `ManagingBalance` once."""
    balance = ManagingBalance(policy)
    everything = len(fleet.racks)
    balance.audit_next()
    return balance.decide(fleet, waiting=waiting, voluntary=voluntary, most=everything)


def _words(process: str, load: int) -> str:
    return f"{process} manages {load} rack{'' if load == 1 else 's'}"
