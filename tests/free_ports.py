"""Ports for the servers of tests: none that somebody else gets by chance.

The kernel gives ports of its own range to whoever connects or asks for any: one that was found
free there may be taken before the server begins. These are below that range, and each program of
tests that run side by side has its own part of them.
"""

import os
import random
import socket
from ipaddress import IPv4Address, ip_address
from pathlib import Path

FIRST = 10_000
PARTS = 8
"""Of the ports: one for each of the workers that run tests side by side, the last for others."""
LOOPBACK = IPv4Address("127.0.0.1")


def free_tcp_port(address=LOOPBACK):
    """Give a port of this address that nobody uses, and that hardly another test is given."""
    return free_ports(1, address) + 1


def free_udp_port(address=LOOPBACK):
    """Give a UDP port in the same way."""
    return free_ports(1, address, socket.SOCK_DGRAM) + 1


def free_ports(how_many, address=LOOPBACK, kind=socket.SOCK_STREAM):
    """Find neighbouring ports that nobody uses; give the one before them."""
    while True:
        before = _DRAWN.randrange(_START, _END) - 1
        ports = range(before + 1, before + how_many + 1)
        if ports[-1] >= _END or not _GIVEN.isdisjoint(ports):
            continue
        if all(_is_free(address, port, kind) for port in ports):
            _GIVEN.update(ports)
            return before


def _end_of_all():
    given_by_the_kernel = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return max(FIRST + 1000 * PARTS, int(given_by_the_kernel[0]))


def _part():
    """Give the first port of this program's part, and the one after its last."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    number = min(int(worker), PARTS - 1) if worker else PARTS - 1
    size = (_end_of_all() - FIRST) // PARTS
    return FIRST + number * size, FIRST + (number + 1) * size


_START, _END = _part()
_DRAWN = random.SystemRandom()
"""Drawn, so that who begins in the same moment goes another way."""
_GIVEN = set()
"""What this program has given: its server may be still to come, or come again."""


def _is_free(address, port, kind):
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    with socket.socket(family, kind) as probe:
        try:
            probe.bind((str(address), port))
        except OSError:
            return False
    return True
