"""Which rack daemon is connected to which region process, as the kernel sees it (proc(5)).

Only the lab's daemons are looked at: ss(8) would look at every process of the machine for
whoever holds a socket, once for each host, and a look would last longer than what is measured.
"""

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from evenrack.lab.fleet import Fleet
from evenrack.lab.lab_programs import Running

_PROC = Path("/proc")
_ESTABLISHED = "01"
_SOCKET, _END = "socket:[", "]"

Holders = Mapping[str, Sequence[int]]
"""The processes that hold each socket, by its inode."""


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


def read_sockets(programs: Iterable[Running], fleet: Fleet) -> list[Socket]:
    """Ask the kernel, on the host of each of these, for every established TCP connection.

    Of whoever holds them the daemons are told.
    """
    daemons = {daemon.name for daemon in fleet.daemons()}
    tables: dict[Path, str] = {}
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for running in programs:
        if running.pid is None or running.target not in daemons:
            continue
        place = _PROC / str(running.pid)
        with suppress(OSError):  # it ended meanwhile
            host = (place / "ns" / "net").readlink()
            if host not in tables:
                tables[host] = (place / "net" / "tcp").read_text()
            for inode in _held(place):
                holders[inode].append(running.pid)
    return [socket for table in tables.values() for socket in parse_sockets(table, holders)]


def parse_sockets(table: str, holders: Holders) -> Iterator[Socket]:
    """Read the established ones of a host's /proc/net/tcp."""
    for line in table.splitlines()[1:]:
        _, local, peer, state, _, _, _, _, _, inode, *_ = line.split()
        if state == _ESTABLISHED:
            yield Socket(_address(local), _address(peer), tuple(holders.get(inode, ())))


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


def _held(process: Path) -> Iterator[str]:
    """Give the inode of each socket that a process has open, once."""
    found = set()
    for file in (process / "fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            target = str(file.readlink())
            if target.startswith(_SOCKET):
                found.add(target.removeprefix(_SOCKET).removesuffix(_END))
    yield from sorted(found)


def _address(hexadecimal: str) -> str:
    """Read `0100007F:1F90`: the address in the machine's order of bytes, the port."""
    address, port = hexadecimal.split(":")
    return f"{IPv4Address(struct.pack('=I', int(address, 16)))}:{int(port, 16)}"
