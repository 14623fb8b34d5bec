"""Which region process manages which rack."""

from collections.abc import Collection

from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread import settle
from evenrack.balance.spread_values import Bin, Item, Move
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId


def decide_managing(
    fleet: Fleet,
    policy: SpreadPolicy,
    *,
    waiting: Collection[RackId],
    voluntary: bool,
) -> tuple[Move, ...]:
    """Give the moves of managing that this fleet needs now; none when all is well.

    A rack without any link keeps the note of its last manager, so that it goes back there when
    it returns, and counts for no process. Racks in `waiting` have only just connected: they get
    their manager when more of their links are there.
    """
    items = [
        Item(id=rack, reach=reach, owner=_owner(fleet, rack))
        for rack, reach in fleet.reach.items()
        if reach and not (rack in waiting and fleet.manager_of(rack) is None)
    ]
    bins = [Bin(id=process, host=fleet.processes[process].region) for process in fleet.live]
    return settle(bins, items, policy, voluntary=voluntary, words=_words).moves


def _owner(fleet: Fleet, rack: RackId) -> str | None:
    managing = fleet.managing.get(rack)
    return None if managing is None else managing.process


def _words(process: str, load: int) -> str:
    return f"{process} manages {load} rack{'' if load == 1 else 's'}"
