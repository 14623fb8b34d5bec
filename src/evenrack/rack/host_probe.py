"""Asks whether the host of another DHCP server is there, without a word to that server.

A connection to its failover port is enough: where one is made or refused, the host runs. A host
that drops what it does not want still says by ARP that the address is its own.
"""

from collections.abc import Awaitable, Callable, Sequence
from errno import EHOSTUNREACH
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final, cast

from attrs import evolve
from twisted.internet import error
from twisted.internet.defer import Deferred, DeferredLock, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from evenrack.errors import ProbeRefused
from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.model.dhcp_probe import MOST_WHY_CHARACTERS, ProbeAnswer
from evenrack.model.interface_list import Interface
from evenrack.rack.dhcp.failover import FAILOVER_PORT

PROBE_SECONDS: Final = 2.0
"""A host that runs answers within milliseconds, and a first loss is made good within one second."""

TRIES_WITHOUT_REASON: Final = 3
"""It takes a race between two processors to lose the reason, which rarely happens twice."""

NEIGHBOURS: Final = Path("/proc/self/net/arp")
"""By this process's own folder: its unit sees nothing else of /proc (`ProcSubset=pid`)."""
_COMPLETE: Final = 0x02
"""The kernel knows the hardware address (ATF_COM in arp(7))."""

FindHosts = Callable[[Sequence[IPv4Address]], Awaitable[tuple[ProbeAnswer, ...]]]
"""Finds out whether the hosts at some addresses run, in the order of the addresses."""


async def find_hosts(
    reactor: Any,
    addresses: Sequence[IPv4Address],
    *,
    port: int = FAILOVER_PORT,
    seconds: float = PROBE_SECONDS,
    neighbours: Path = NEIGHBOURS,
) -> tuple[ProbeAnswer, ...]:
    """Connect to the failover port of all of them at once, and hang up at once.

    No answer counts as silence, unless ARP knows better, which is asked once for all; any trouble
    of this host, such as no route, does not.
    """

    async def find(address: IPv4Address) -> ProbeAnswer:
        return await _find_host(reactor, address, port, seconds)

    finding = [Deferred.fromCoroutine(find(address)) for address in addresses]
    return _as_arp_knows_better(await gatherResults(finding, consumeErrors=True), neighbours)


async def _find_host(reactor: Any, address: IPv4Address, port: int, seconds: float) -> ProbeAnswer:
    endpoint = TCP4ClientEndpoint(reactor, str(address), port, timeout=seconds)
    problem = await _tried(endpoint)
    for _ in range(TRIES_WITHOUT_REASON - 1):
        if problem is not None and _without_reason(problem):
            problem = await _tried(endpoint)
    if problem is None:
        return ProbeAnswer(address=address, found="connected")
    if isinstance(problem, error.ConnectionRefusedError):
        return ProbeAnswer(address=address, found="refused")
    if isinstance(problem, error.TimeoutError) or problem.osError == EHOSTUNREACH:
        return ProbeAnswer(address=address, found="silent")
    why = str(problem)[:MOST_WHY_CHARACTERS]
    return ProbeAnswer(address=address, found="unknown", why=why)


async def _tried(endpoint: TCP4ClientEndpoint) -> error.ConnectError | None:
    """Connect and hang up, or give what was in the way."""
    try:
        connection = cast("Protocol", await endpoint.connect(Factory.forProtocol(Protocol)))
    except error.ConnectError as problem:
        return problem
    cast("Any", connection.transport).abortConnection()
    return None


def _without_reason(problem: error.ConnectError) -> bool:
    """Tell whether the connection failed, and nobody can say of what.

    Linux wakes the reactor after it noted the error and before it closed the socket; in between
    a poll tells of the error alone, and Twisted hangs up without asking for it.
    """
    return problem.osError is None and not isinstance(problem, error.TimeoutError)


def _as_arp_knows_better(
    answers: Sequence[ProbeAnswer], neighbours: Path
) -> tuple[ProbeAnswer, ...]:
    if not any(answer.found == "silent" for answer in answers):
        return tuple(answers)
    try:
        known = resolved(neighbours.read_text(encoding="ascii"))
    except OSError as problem:
        why = f"{problem.strerror}: {neighbours}"[:MOST_WHY_CHARACTERS]
        return tuple(
            evolve(it, found="unknown", why=why) if it.found == "silent" else it for it in answers
        )
    return tuple(
        evolve(it, found="resolved") if it.found == "silent" and it.address in known else it
        for it in answers
    )


def resolved(neighbours: str) -> frozenset[IPv4Address]:
    """Give the addresses that somebody has said by ARP are his, in /proc/net/arp's words.

    What was said before the host died the kernel forgets within a minute of probes.
    """
    rows = (line.split() for line in neighbours.splitlines()[1:])
    return frozenset(IPv4Address(row[0]) for row in rows if int(row[2], 16) & _COMPLETE)


class HostProber:
    """Asks for the regions, but only about hosts beside this rack: no region scans by it."""

    def __init__(
        self,
        find: FindHosts,
        interfaces: Callable[[], Awaitable[tuple[Interface, ...]]],
        served: Callable[[], DhcpPlan],
    ) -> None:
        self._find = find
        self._interfaces = interfaces
        self._served = served
        self._one_at_a_time = DeferredLock()

    async def probe(self, addresses: Sequence[IPv4Address]) -> tuple[ProbeAnswer, ...]:
        """Find out about all of them at once.

        ProbeRefused when one is neither in a network of this rack nor that of a failover peer.
        """
        async with self._one_at_a_time:
            networks = [it.address.network for it in await self._interfaces()]
            peers = {it.peer.address for it in self._served() if it.peer is not None}
            for address in addresses:
                if address not in peers and not any(address in network for network in networks):
                    raise ProbeRefused(
                        f"{address} is not in a network of this rack, and no failover peer of it"
                    )
            return await self._find(addresses)
