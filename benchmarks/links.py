"""Many links to one region process: what each costs it, with TLS or without.

`python -m benchmarks.links tls|plain LINKS` starts the region's end as a process of its own, and
prints one JSON object. Both ends are the product's; behind the region's end there is no database.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver

from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.model.identifiers import ProcessId, RackId, RunId
from evenrack.model.served_piece import ServedPiece
from evenrack.rack.clock_watch import ClockWatch
from evenrack.rack.region_session import RackSelf, RegionSession
from evenrack.region.links.rack_listener import Doorway, RackListener
from evenrack.region.links.rack_session import Reception
from evenrack.region.links.refusals import Refusals
from evenrack.region.links.strangers import Strangers
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.certificates import (
    Identity,
    issue_for_rack,
    issue_for_region,
    new_authority,
    new_key,
)
from evenrack.trust.files import TrustFiles
from evenrack.trust.tls import Peer, RackTls, RegionTls, peer_of
from evenrack.wire.region_commands import ListEndpoints

AT_ONCE = 50
WARM = 20
CALLS = 5_000
AN_HOUR = 3600.0
HOST = "127.0.0.1"


def make_files(folder: Path) -> None:
    """Make certificates for the region and for one rack: what it is called costs nothing."""
    now = datetime.now(UTC)
    authority, region, rack = new_authority(now), new_key(), new_key()
    issued = {
        "region": Identity(
            key=region,
            certificate=issue_for_region(authority, region.public_key(), "region1", now),
        ),
        "rack": Identity(
            key=rack,
            certificate=issue_for_rack(authority, rack.public_key(), RackId("rack0001"), now),
        ),
    }
    for name, identity in issued.items():
        files = TrustFiles(folder / name, cure="")
        files.keep_identity(identity)
        files.keep_authorities([authority.certificate])


class Door:
    """Lets everybody in as a rack; with TLS as the one of the certificate."""

    fingerprint = ""

    def __init__(self, *, over_tls: bool) -> None:
        self._over_tls = over_tls

    def peer(self, transport: object) -> Peer:
        """Tell who is at the other end."""
        return peer_of(transport) if self._over_tls else Peer(rack=RackId("rack0001"))

    def why_ended(self, _transport: object, _failure: object) -> None:
        """Say nothing."""

    def is_revoked(self, _peer: Peer) -> bool:
        """Revoke nobody."""
        return False


async def _taken(*_: object) -> bool:
    return True


def reception(door: Door) -> Reception:
    """Make what stands behind the region's end: nothing."""
    return Reception(
        process=ProcessId("region1/1"),
        doorkeeper=door,
        token_bytes=lambda count: time.monotonic_ns().to_bytes(count, "big"),
        clock=reactor,
        silence_seconds=AN_HOUR,
        refusals=Refusals(),
        strangers=Strangers(),
        admit=_taken,
        gone=lambda _link: None,
        cloned=_taken,
        lost=_taken,
        goodbye=_taken,
        interfaces=_taken,
        dhcp=_taken,
        new_leases=_taken,
        bmc_reach=_taken,
        record_phase=_taken,
        grants_lease=lambda _link: False,
        endpoints=dict,
        database_clock=lambda: None,
    )


class Questions(LineReceiver):
    """Answers each line with what the process has used so far."""

    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:  # noqa: ARG002, N802
        used = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        kib = pages * resource.getpagesize() // 1024
        self.sendLine(json.dumps({"cpu": used.ru_utime + used.ru_stime, "kib": kib}).encode())

    def connectionLost(self, reason: object) -> None:  # noqa: ARG002
        reactor.stop()


def serve(folder: Path, *, over_tls: bool) -> None:
    """Be the region's end until standard input ends; its port is the first line."""
    listener = RackListener(reception(Door(over_tls=over_tls)))
    factory: Factory = listener
    if over_tls:
        files = TrustFiles(folder / "region", cure="")
        tls = RegionTls(files.identity(), files.authorities())
        factory = Doorway(tls, listener, Strangers(), reactor)
    port = reactor.listenTCP(0, factory, interface=HOST, backlog=1024)
    print(port.getHost().port, flush=True)
    StandardIO(Questions())
    reactor.run()


class Racks:
    """The racks' ends of all links."""

    def __init__(self, port: int, folder: Path, *, over_tls: bool) -> None:
        self._endpoint = TCP4ClientEndpoint(reactor, HOST, port, timeout=60)
        if over_tls:
            files = TrustFiles(folder / "rack", cure="")
            tls = RackTls(files.identity(), files.authorities())
            self._endpoint = wrapClientTLS(tls, self._endpoint)
        self.sessions: list[RegionSession] = []

    async def connect(self, count: int) -> None:
        """Make so many links, some at a time."""
        waiting = iter(range(count))

        async def some() -> None:
            for _ in waiting:
                factory = Factory.forProtocol(lambda: RegionSession(rack_self(), lambda _: None))
                factory.noisy = False
                session = await self._endpoint.connect(factory)
                await session.greet()
                self.sessions.append(session)

        await gatherResults([Deferred.fromCoroutine(some()) for _ in range(AT_ONCE)])

    async def call(self, count: int) -> None:
        """Call so many times, spread over the links."""
        waiting = iter(range(count))

        async def some() -> None:
            for number in waiting:
                session = self.sessions[number % len(self.sessions)]
                await session.callRemote(ListEndpoints)

        await gatherResults([Deferred.fromCoroutine(some()) for _ in range(AT_ONCE)])


def rack_self() -> RackSelf:
    """Make a rack that has nothing to say."""
    return RackSelf(
        rack=RackId("rack0001"),
        run=RunId("run1"),
        hostname="rack1",
        clock=reactor,
        ping_seconds=AN_HOUR,
        silence_seconds=2 * AN_HOUR,
        holds=lambda: (BEFORE_ALL, ""),
        follow=_taken,
        offer_plan=_taken,
        take_vlan=_taken,
        change_vlan=_taken,
        take_turn=_taken,
        take_partner_down=_taken,
        probe=_taken,
        end_recover_wait=_taken,
        power=_taken,
        leases=_taken,
        served=lambda _plan, _start: ServedPiece(plan="", text=b"[]", more=False),
        granted=lambda _process, _at: None,
        known_regions=lambda: "",
        learn_regions=lambda _process, _told: None,
        clock_watch=ClockWatch(reactor, utc_now),
        trusted=lambda: "",
        trust=lambda _told: None,
        why_ended=lambda _transport, _failure: None,
    )


async def measure(links: int, folder: Path, *, over_tls: bool) -> dict[str, float]:
    """Measure what the region's end uses for links and calls."""
    kind = "tls" if over_tls else "plain"
    command = [sys.executable, "-m", "benchmarks.links", "serve", kind, str(folder)]
    with subprocess.Popen(  # noqa: ASYNC220  there is nothing else to do meanwhile
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:

        def ask() -> dict[str, float]:
            server.stdin.write(b"?\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        racks = Racks(int(server.stdout.readline()), folder, over_tls=over_tls)
        await racks.connect(WARM)
        before, began = ask(), time.monotonic()
        await racks.connect(links)
        seconds, connected = time.monotonic() - began, ask()
        await racks.call(CALLS)
        called = ask()
        server.stdin.close()
        return {
            "seconds": seconds,
            "cpu_of_connects": connected["cpu"] - before["cpu"],
            "kib_per_link": (connected["kib"] - before["kib"]) / links,
            "cpu_per_call": (called["cpu"] - connected["cpu"]) / CALLS,
        }


def main() -> None:
    """Run one end or the other, as the arguments say."""
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[3]), over_tls=sys.argv[2] == "tls")
        return
    over_tls, links = sys.argv[1] == "tls", int(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="evenrack-bench-") as folder:
        make_files(Path(folder))

        async def run(_reactor: object) -> None:
            print(json.dumps(await measure(links, Path(folder), over_tls=over_tls)))

        react(lambda r: Deferred.fromCoroutine(run(r)))


if __name__ == "__main__":
    main()
