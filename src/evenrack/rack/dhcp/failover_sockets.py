"""Whether a server is connected to its failover partner, by the kernel's list of sockets: pure.

That is as fresh as what dhcpd knows itself: it closes a connection on which it hears nothing. What
it says by OMAPI of its partner is what it heard last, however long ago.
"""

import sys
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from evenrack.rack.dhcp.failover import FAILOVER_PORT

SOCKETS: Final = Path("/proc/self/net/tcp")
"""By this process's own folder: its unit sees nothing else of /proc (`ProcSubset=pid`)."""

_ESTABLISHED: Final = "01"
"""As the kernel writes TCP_ESTABLISHED in /proc/net/tcp (proc(5))."""


def are_connected(sockets: str, own: IPv4Address, peer: IPv4Address) -> bool:
    """Tell whether a failover connection between these addresses stands, whoever began it."""
    return any(_is_connected(line.split(), own, peer) for line in sockets.splitlines()[1:])


def _is_connected(row: Sequence[str], own: IPv4Address, peer: IPv4Address) -> bool:
    (local, _, own_port), (remote, _, port) = row[1].partition(":"), row[2].partition(":")
    return (
        row[3] == _ESTABLISHED
        and (local, remote) == (_written(own), _written(peer))
        and f"{FAILOVER_PORT:04X}" in {own_port, port}
    )


def _written(address: IPv4Address) -> str:
    """Write an address as the kernel does: in the order of bytes of this machine's words."""
    return f"{int.from_bytes(address.packed, sys.byteorder):08X}"
