"""Building the planned network inside the keeper, and cutting and mending its cables."""

from collections.abc import Collection

from attrs import frozen

from evenrack.lab.network.ip_commands import (
    build_switch,
    make_namespaces,
    read_cables_down,
    set_cables,
    set_up_host,
)
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.network.plan import SWITCH, NetworkPlan

_BATCH = ["-batch", "-"]


def build_network(plan: NetworkPlan, keeper: Keeper) -> None:
    """Make every namespace, bridge and cable of the plan."""
    keeper.run(["ip", *_BATCH], input_text=make_namespaces(plan))
    keeper.run(["ip", "-n", SWITCH, *_BATCH], input_text=build_switch(plan))
    for host in plan.hosts:
        keeper.run(["ip", "-n", host, *_BATCH], input_text=set_up_host(plan, host))


@frozen(kw_only=True)
class SeenCable:
    """One cable and how it is."""

    cable: str
    address: str | None
    up: bool


def cables_seen(plan: NetworkPlan | None, down: Collection[str]) -> list[SeenCable]:
    """Say of every cable how it is; a lab without a network has none."""
    cables = () if plan is None else plan.cables
    return [
        SeenCable(cable=cable.name, address=cable.address, up=cable.name not in down)
        for cable in cables
    ]


class Cables:
    """The cables of a lab that runs; what the kernel says of them is all that is known."""

    def __init__(self, plan: NetworkPlan, keeper: Keeper) -> None:
        self._plan = plan
        self._keeper = keeper

    def down(self) -> frozenset[str]:
        """Name the cables that are cut."""
        printed = self._keeper.run(["ip", "-j", "-n", SWITCH, "link", "show", "type", "veth"])
        return read_cables_down(printed, self._plan)

    def cut(self, names: Collection[str]) -> None:
        """Cut these cables, all at once."""
        self._set(names, up=False)

    def heal(self, names: Collection[str]) -> None:
        """Mend these cables, all at once."""
        self._set(names, up=True)

    def _set(self, names: Collection[str], *, up: bool) -> None:
        cables = [cable for cable in self._plan.cables if cable.name in names]
        self._keeper.run(["ip", "-n", SWITCH, *_BATCH], input_text=set_cables(cables, up=up))
