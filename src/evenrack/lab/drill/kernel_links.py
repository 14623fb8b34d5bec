"""Which rack daemon is connected to which region process, as the kernel sees it (`ss`)."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from evenrack.lab.fleet import Fleet
from evenrack.lab.lab_programs import LabPrograms

SS_SECONDS = 5.0
_OWNER = re.compile(r"pid=([0-9]+),fd=")


class Socket(NamedTuple):
    """One end of one established connection."""

    local: str
    peer: str
    pids: tuple[int, ...]


class Link(NamedTuple):
    """One connection of which both ends are held."""

    rack: str
    """The name of the rack daemon's program: `rack1/rackd`."""
    process: str


def read_sockets(programs: LabPrograms) -> list[Socket]:
    """Ask the kernel, on every host, for every established TCP connection and who holds it."""
    command = ["ss", "-Htnp", "state", "established"]
    return parse_sockets(programs.run_on_every_host(command, seconds=SS_SECONDS))


def parse_sockets(text: str) -> list[Socket]:
    """Read what `ss -Htnp state established` prints, on one host or on several in turn."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4:  # noqa: PLR2004  queues, local, peer; the users may be hidden
            pids = tuple(dict.fromkeys(int(pid) for pid in _OWNER.findall(line)))
            found.append(Socket(words[2], words[3], pids))
    return found


def region_ends(sockets: Iterable[Socket], fleet: Fleet, pids: Mapping[str, int]) -> Counter[str]:
    """Count, for each region process, the rack connections that it holds."""
    counts = Counter({process.name: 0 for process in fleet.processes})
    for socket in sockets:
        for process in fleet.processes:
            if socket.local == process.endpoint and pids.get(process.name) in socket.pids:
                counts[process.name] += 1
    return counts


def links(sockets: Iterable[Socket], fleet: Fleet, pids: Mapping[str, int]) -> list[Link]:
    """List the connections between racks and region processes that both ends hold."""
    by_ends = {(socket.local, socket.peer): socket for socket in sockets}
    racks = {pids[rack.name]: rack.name for rack in fleet.racks if rack.name in pids}
    processes = {process.endpoint: process.name for process in fleet.processes}
    found: list[Link] = []
    for (local, peer), socket in by_ends.items():
        other = by_ends.get((peer, local))
        if peer not in processes or other is None:
            continue
        if pids.get(processes[peer]) not in other.pids:
            continue
        found.extend(Link(racks[pid], processes[peer]) for pid in socket.pids if pid in racks)
    return found
