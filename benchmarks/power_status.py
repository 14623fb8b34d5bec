"""Looks at many BMCs: our driver against ipmitool and ipmipower, with the same simulators.

Each client is a program of its own, so that its processor time is all that it has used; wall time
is shared with the simulators, which run a shell script for each status.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.measure import Figure
from tests.rack.power.bmc_farm import PASSWORD, SEARCHED, USER, Farm

BMCS = 200
ROUNDS = 3
TOOL_BMCS = 50
"""For ipmitool, which needs longer."""
AT_ONCE = 16
LATENCY_LOOKS = 100
PORT = 6230
FIRST = IPv4Address("127.77.0.1")


@frozen(kw_only=True)
class Cost:
    """What one client needed for one status."""

    seconds: float
    """Of the clock, of many at once: the inverse of its throughput."""
    cpu: float


def measure(bmcs: int = BMCS) -> list[Figure]:
    """Ask the same BMCs by each client in turn, several times; the median counts."""
    with _simulators(bmcs) as addresses:
        ours = _median(lambda: _ours(addresses))
        tool = _median(lambda: _ipmitool(addresses[:TOOL_BMCS]))
        power = _median(lambda: _ipmipower(addresses)) if _program("ipmipower") else None
        latency = statistics.median(_run(["latency", addresses[0]])["latencies"])
    with_tool = f"ipmitool: {tool.cpu * 1e3:.3g} ms of CPU, {1 / tool.seconds:.0f} a second"
    figures = [
        _figure("status-cpu", ours.cpu * 1e3, "ms", None, ""),
        _figure("status-cpu-ratio", ours.cpu / tool.cpu, "x", 1 / 20, with_tool),
        _figure("status-time-ratio", ours.seconds / tool.seconds, "x", 1 / 10, with_tool),
        _figure("status-latency", latency * 1e3, "ms", None, f"{1 / ours.seconds:.0f} a second"),
    ]
    if power is not None:
        with_power = f"ipmipower, one process for all: {power.cpu * 1e3:.3g} ms of CPU"
        figures.append(_figure("status-cpu-ipmipower", ours.cpu / power.cpu, "x", 1.0, with_power))
    return figures


def _figure(name: str, value: float, unit: str, target: float | None, peer: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, target=target, peer=peer)


@contextmanager
def _simulators(count: int) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory(prefix="evenrack-bench-") as folder:
        farm = Farm(folder=Path(folder) / "bmcs")
        try:
            for number in range(count):
                farm.start(FIRST + number, PORT, power="on")
            yield [str(FIRST + number) for number in range(count)]
        finally:
            farm.stop()


def _median(client: Callable[[], Cost]) -> Cost:
    found = [client() for _ in range(ROUNDS)]
    return Cost(
        seconds=statistics.median(one.seconds for one in found),
        cpu=statistics.median(one.cpu for one in found),
    )


def _ours(addresses: Sequence[str]) -> Cost:
    told = _run(["many", *addresses])
    return Cost(seconds=told["seconds"] / len(addresses), cpu=told["cpu"] / len(addresses))


def _run(words: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.power_status", *words]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    told: dict[str, Any] = json.loads(said)
    return told


def _ipmitool(addresses: Sequence[str]) -> Cost:
    def ask(address: str) -> None:
        words = ["-I", "lanplus", "-H", address, "-p", str(PORT), "-U", USER, "-E", "-C", "3"]
        words += ["-L", "OPERATOR", "chassis", "power", "status"]
        _ask([_program("ipmitool"), *words], {"IPMITOOL_PASSWORD": PASSWORD}, "is on")

    def all_of_them() -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(ask, addresses))

    return _cost_of_children(all_of_them, len(addresses))


def _ipmipower(addresses: Sequence[str]) -> Cost:
    """All in one process; it takes its password from a file."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"username {USER}\npassword {PASSWORD}\ndriver-type LAN_2_0\n")
        file.write("cipher-suite-id 3\nprivilege-level ADMIN\nworkaround-flags opensesspriv\n")
        file.flush()
        hosts = ",".join(f"{address}:{PORT}" for address in addresses)
        words = ["--config-file", file.name, "-h", hosts, "--stat"]
        return _cost_of_children(
            lambda: _ask([_program("ipmipower"), *words], {}, ": on", len(addresses)),
            len(addresses),
        )


def _ask(command: Sequence[Any], more: dict[str, str], answer: str, times: int = 1) -> None:
    environment = {**os.environ, **more}
    said = subprocess.run(
        command, check=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout.decode()
    if said.count(answer) != times:
        raise TimeoutError(f"{command[0]}: {said.count(answer)} of {times} BMCs answered")


def _cost_of_children(work: Callable[[], None], count: int) -> Cost:
    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    began, before = time.monotonic(), used()
    work()
    return Cost(seconds=(time.monotonic() - began) / count, cpu=(used() - before) / count)


def _program(name: str) -> str | None:
    return shutil.which(name, path=SEARCHED)


# The program that is our client


def main() -> None:
    """Print what our driver needs: `many ADDRESS...` at once, or `latency ADDRESS` in turn."""
    from twisted.internet import reactor  # noqa: PLC0415  only in this program
    from twisted.internet.defer import Deferred, gatherResults  # noqa: PLC0415
    from twisted.internet.task import react  # noqa: PLC0415

    from benchmarks.used_cpu import own_cpu  # noqa: PLC0415
    from evenrack.model.power import BmcAccess  # noqa: PLC0415
    from evenrack.rack.power.ipmi import IpmiDriver  # noqa: PLC0415

    # A driver as a rack has it: every BMC of it is asked all at once, and it lets so many through.
    driver = IpmiDriver(reactor)
    what, *addresses = sys.argv[1:]

    def status(address: str) -> Any:
        access = BmcAccess(
            address=IPv4Address(address), port=PORT, user=USER, password=PASSWORD, cipher_suite=3
        )
        return Deferred.fromCoroutine(driver.query(access))

    async def work() -> None:
        began, before = time.monotonic(), own_cpu()
        if what == "many":
            states = await gatherResults([status(address) for address in addresses])
            if set(states) != {"on"}:
                raise TimeoutError("not every BMC answered")
            told = {"seconds": time.monotonic() - began, "cpu": own_cpu() - before}
            sys.stdout.write(json.dumps(told))
            return
        latencies = []
        for _ in range(LATENCY_LOOKS):
            began = time.monotonic()
            await status(addresses[0])
            latencies.append(time.monotonic() - began)
        sys.stdout.write(json.dumps({"latencies": latencies}))

    react(lambda _reactor: Deferred.fromCoroutine(work()))


if __name__ == "__main__":
    main()
