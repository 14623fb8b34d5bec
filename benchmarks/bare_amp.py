"""Bare AMP with TLS: connect and say hello, and nothing of the product but its TLS contexts.

What a storm of racks costs at least. `python -m benchmarks.bare_amp RACKS PROCESSES` starts
so many servers as programs, connects so many racks to each, and prints one JSON object.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols import amp
from twisted.protocols.tls import TLSMemoryBIOFactory

from benchmarks.links import HOST, make_files
from benchmarks.measure import PROJECT
from benchmarks.used_cpu import own_cpu
from evenrack.trust.files import TrustFiles
from evenrack.trust.tls import RackTls, RegionTls

AT_ONCE = 100
"""As many connections as `many_racks` makes at a time."""


class Greet(amp.Command):
    """What a hello has: a few short words each way."""

    arguments = [(b"run", amp.Unicode()), (b"hostname", amp.Unicode())]
    response = [(b"process", amp.Unicode()), (b"link", amp.Unicode())]


class Greeted(amp.AMP):
    """The end that answers."""

    @Greet.responder
    def greet(self, run: str, hostname: str) -> dict[str, str]:
        """Answer at once."""
        return {"process": hostname, "link": run}


class UntilEnd(Protocol):
    """Ends the program with standard input."""

    def connectionLost(self, reason: object) -> None:  # noqa: ARG002
        reactor.stop()


def serve(folder: Path) -> None:
    """Be one server until standard input ends; its port is the first line."""
    files = TrustFiles(folder / "region", cure="")
    greeted = Factory.forProtocol(Greeted)
    greeted.noisy = False
    tls = RegionTls(files.identity(), files.authorities())
    factory = TLSMemoryBIOFactory(tls, isClient=False, wrappedFactory=greeted)
    port = reactor.listenTCP(0, factory, interface=HOST, backlog=1024)
    print(port.getHost().port, flush=True)
    StandardIO(UntilEnd())
    reactor.run()


async def greet_all(folder: Path, ports: list[int], racks: int) -> float:
    """Connect so many racks to each port and say hello on each; gives seconds."""
    files = TrustFiles(folder / "rack", cure="")
    tls = RackTls(files.identity(), files.authorities())
    waiting = iter(ports * racks)
    factory = Factory.forProtocol(amp.AMP)
    factory.noisy = False

    async def some() -> None:
        for port in waiting:
            endpoint = wrapClientTLS(tls, TCP4ClientEndpoint(reactor, HOST, port, timeout=60))
            link = await endpoint.connect(factory)
            await link.callRemote(Greet, run="0123456789abcdef", hostname="rack0001")

    began = time.monotonic()
    await gatherResults([Deferred.fromCoroutine(some()) for _ in range(AT_ONCE)])
    return time.monotonic() - began


async def measure(folder: Path, racks: int, processes: int) -> dict[str, float]:
    """Start the servers, and measure."""
    command = [sys.executable, "-m", "benchmarks.bare_amp", "serve", str(folder)]
    servers = [
        subprocess.Popen(  # noqa: ASYNC220  there is nothing else to do meanwhile
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
        )
        for _ in range(processes)
    ]
    try:
        ports = [int(server.stdout.readline()) for server in servers]
        before = own_cpu()
        seconds = await greet_all(folder, ports, racks)
        return {"seconds": seconds, "cpu_of_racks": own_cpu() - before}
    finally:
        for server in servers:
            server.communicate()


def bare_storm(racks: int, processes: int) -> dict[str, float]:
    """Measure it in a program of its own."""
    command = [sys.executable, "-m", "benchmarks.bare_amp", str(racks), str(processes)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=PROJECT).stdout
    return json.loads(said)


def main() -> None:
    """Run one end or the other, as the arguments say."""
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]))
        return
    racks, processes = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="evenrack-bench-") as folder:
        make_files(Path(folder))

        async def run(_reactor: object) -> None:
            print(json.dumps(await measure(Path(folder), racks, processes)))

        react(lambda r: Deferred.fromCoroutine(run(r)))


if __name__ == "__main__":
    main()
