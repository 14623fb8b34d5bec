"""One look at the fleet, and the questions that checks ask of it: pure."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from evenrack.lab.drill.kernel_links import Link

SMALLEST_GAP = 2
THETA = 0.10
"""The band of `balance.managing` as the lab's configuration has it: the defaults."""
BMC_THETA = 0.25
"""That of `balance.bmc`."""


@frozen(kw_only=True)
class Sight:
    """What the fleet says of itself, and what the kernel says of it, at one moment."""

    status: dict[str, Any]
    links: Sequence[Link]
    """Connections of which both ends are held."""
    held: Mapping[str, int]
    """How many rack connections each region process holds, by its name."""
    alive: frozenset[str]
    """The programs that run, are not paused, and whose hosts are not cut off."""

    @property
    def processes(self) -> dict[str, dict[str, Any]]:
        """What the status says of each region process."""
        rows = (row for region in self.status["regions"] for row in region["processes"])
        return {row["id"]: row for row in rows}

    @property
    def live_processes(self) -> list[str]:
        """The region processes that run, whatever the status says."""
        return sorted(name for name in self.alive if name.startswith("region"))

    @property
    def managers(self) -> dict[str, str | None]:
        """Who manages each rack, by its host name."""
        return {row["hostname"]: row["managed_by"] for row in self.status["racks"]}

    def rack(self, hostname: str) -> dict[str, Any] | None:
        """Find what the status says of a rack."""
        return next((row for row in self.status["racks"] if row["hostname"] == hostname), None)

    def connected_to(self, rack_daemon: str) -> list[str]:
        """List the region processes to which a rack daemon is connected, once a connection."""
        return sorted(link.process for link in self.links if link.rack == rack_daemon)


def unserved(sight: Sight) -> str | None:
    """Say which living rack is not managed by a live process that it is connected to."""
    for name in sorted(sight.alive):
        rack, _, program = name.partition("/")
        if program != "rackd":
            continue
        manager = sight.managers.get(rack)
        if manager is None:
            return f"{rack} is managed by nobody"
        if manager not in sight.alive:
            return f"{rack} is still managed by {manager}, which does not run"
        if Link(name, manager) not in sight.links:
            return f"{rack} is managed by {manager}, to which it has no connection"
    return None


def miscounted(sight: Sight) -> str | None:
    """Say where a printed count differs from the sockets."""
    for process in sight.live_processes:
        row = sight.processes.get(process)
        printed = None if row is None else row["connections"]
        if printed != sight.held.get(process, 0):
            return f"{process} holds {sight.held.get(process, 0)} connections, {printed} printed"
    of_rack = Counter(link.rack for link in sight.links)
    for row in sight.status["racks"]:
        sockets = of_rack[f"{row['hostname']}/rackd"]
        if row["connections"] != sockets:
            return f"{row['hostname']} holds {sockets} connections, {row['connections']} printed"
    managed = Counter(manager for manager in sight.managers.values() if manager is not None)
    for process, row in sight.processes.items():
        if row["racks_managed"] != managed[process]:
            return f"{process} manages {managed[process]} racks, {row['racks_managed']} printed"
    return None


def uneven(sight: Sight) -> str | None:
    """Say which live process manages so many racks that one should move."""
    loads = {name: _managed_by(sight, name) for name in sight.live_processes}
    if not loads:
        return "no region process runs"
    lowest = min(loads, key=lambda name: loads[name])
    highest = max(loads, key=lambda name: loads[name])
    if loads[highest] >= need(loads[lowest]):
        return (
            f"{highest} manages {loads[highest]} racks and {lowest} manages {loads[lowest]}: "
            "outside the band"
        )
    return None


def uneven_hosts(sight: Sight) -> str | None:
    """Say which region host manages so many racks, for its processes, that one should move."""
    loads: Counter[str] = Counter()
    processes: Counter[str] = Counter()
    for name in sight.live_processes:
        host = name.partition("/")[0]
        loads[host] += _managed_by(sight, name)
        processes[host] += 1
    for host, other in itertools.permutations(processes, 2):
        share = math.ceil(loads[other] * processes[host] / processes[other])
        if loads[host] >= need(share):
            return (
                f"{host} manages {loads[host]} racks and {other} manages {loads[other]}: "
                "outside the band"
            )
    return None


def uneven_owners(owners: Mapping[str, str | None], racks: Iterable[str]) -> str | None:
    """Say which rack owns so many BMCs that one should move; each rack reaches each BMC."""
    counted = Counter(owners.values())
    loads = {rack: counted[rack] for rack in racks}
    if not loads:
        return None
    lowest = min(loads, key=lambda rack: loads[rack])
    highest = max(loads, key=lambda rack: loads[rack])
    if loads[highest] >= need(loads[lowest], theta=BMC_THETA):
        return (
            f"{highest} owns {loads[highest]} BMCs and {lowest} owns {loads[lowest]}: "
            "outside the band"
        )
    return None


def need(load: int, *, theta: float = THETA) -> int:
    """Give the smallest load that justifies a move to one with this load (`balancing.md`)."""
    return load + max(SMALLEST_GAP, int(theta * load) + 1)


def _managed_by(sight: Sight, process: str) -> int:
    return sum(manager == process for manager in sight.managers.values())
