"""One power order: from the request at the API until the command is in the BMC's own log.

In a lab, whose region, rack, TLS between them, PostgreSQL (which writes to the disk as it does for
users) and `ipmi_sim` are real. ipmitool tells the same BMC in turn, so that whatever else runs is
beside both; what lies between is told by the order's own history.
"""

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.measure import Figure, percentile
from benchmarks.real_lab import client_of, real_lab, tell_lab
from benchmarks.rig import wait_for
from evenrack.lab.bmc.chassis import Chassis
from evenrack.lab.bmc.simulator import USER, BmcSimulator
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.record import read_record
from evenrack.model.moments import moment_from_text

SIZES = {"region-hosts": 2, "processes": 1, "racks": 2, "vlans": 1, "clients": 0, "bmcs": 1}
ORDERS = 60
REHEARSALS = 3
TARGET_MILLISECONDS = 60.0
WAIT_SECONDS = 30.0
SETTLE_SECONDS = 10.0
STEP_OF_PAUSE = 0.137
"""Orders come at all times between two looks that the region makes by itself, each second."""


@frozen(kw_only=True)
class Way:
    """When one order came where, in seconds of the wall clock."""

    asked: float
    entered: float
    """It has its row."""
    answered: float
    """The API said so."""
    taken: float
    """It has its rack."""
    recorded: float
    """The rack has seen that the machine is off, and its next phase has been recorded."""
    told: float
    """The BMC has the command."""


def measure(orders: int = ORDERS) -> list[Figure]:
    """Order power on, again and again, and let ipmitool do the same in between."""
    with _lab() as lab:
        bench = _Bench(lab)
        bench.rehearse()
        ways, tool = [], []
        for nth in range(orders):
            ways.append(bench.order())
            tool.append(bench.ipmitool())
            time.sleep(nth * STEP_OF_PAUSE % 1)
    return _figures(ways, tool)


def _figures(ways: Sequence[Way], tool: Sequence[float]) -> list[Figure]:
    peer = f"ipmitool alone: {_half(tool):.0f} ms, p95 {percentile(tool, 95) * 1e3:.0f} ms"
    whole = [way.told - way.asked for way in ways]
    shape = f"{len(ways)} orders; {min(whole) * 1e3:.0f} to {max(whole) * 1e3:.0f} ms"
    parts: dict[str, Callable[[Way], float]] = {
        "request": lambda way: way.entered - way.asked,
        "answer": lambda way: way.answered - way.asked,
        "taken": lambda way: way.taken - way.entered,
        "recorded": lambda way: way.recorded - way.taken,
        "told": lambda way: way.told - way.recorded,
    }
    figures = [
        _figure("power-order-p50", _half(whole), TARGET_MILLISECONDS, peer, shape),
        _figure("power-order-p95", percentile(whole, 95) * 1e3, None, peer, shape),
    ]
    for name, part in parts.items():
        figures.append(_figure(f"power-order-{name}", _half(list(map(part, ways)))))
    return figures


def _figure(
    name: str, value: float, target: float | None = None, peer: str = "", limit: str = ""
) -> Figure:
    return Figure(name=name, value=value, unit="ms", target=target, peer=peer, limit=limit)


def _half(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) * 1e3


@contextmanager
def _lab() -> Iterator[Path]:
    """Run one that keeps what PostgreSQL has, and in which nobody else asks BMCs anything."""
    with real_lab(SIZES, "--retain") as lab:
        tell_lab(lab, "kill", "power/traffic")
        time.sleep(SETTLE_SECONDS)
        yield lab


class _Bench:
    """A lab's one machine, which is off before each order."""

    def __init__(self, lab: Path) -> None:
        record = read_record(lab)
        assert record is not None  # noqa: S101  it is up
        assert record.keeper is not None  # noqa: S101  and has a network
        self._keeper: Keeper = record.keeper
        self._bmc: BmcSimulator = record.fleet(lab).bmcs[0]
        self._chassis: Chassis = self._bmc.chassis
        self._password = self._bmc.folder.parent / "password"
        self._client = client_of(lab)

    def rehearse(self) -> None:
        """Have everything imported, connected and prepared that is so only once."""
        for _ in range(REHEARSALS):
            self.order()
            self.ipmitool()

    def order(self) -> Way:
        """Order `on`, wait until that has ended, and give when it came where."""
        before = self._turn_off()
        asked = time.time()
        wish = {"machines": [self._bmc.machine], "action": "on"}
        number = self._client.post("/api/v1/orders", wish)[0]["order"]
        answered = time.time()
        row: dict[str, Any] = wait_for(lambda: self._ended(number), WAIT_SECONDS, "it ends")
        steps = {step["step"]: _seconds(step["at"]) for step in row["steps"]}
        return Way(
            asked=asked,
            entered=_seconds(row["at"]),
            answered=answered,
            taken=steps["taken"],
            recorded=steps["ON_SENT"],
            told=self._told_after(before),
        )

    def ipmitool(self) -> float:
        """Let ipmitool turn it on from a rack's host; gives the seconds until the BMC knows."""
        before = self._turn_off()
        words = f"-I lanplus -C 3 -L OPERATOR -H {self._bmc.address} -U {USER}"
        # entering the host is not ipmitool's time
        script = f'date +%s.%N; exec ipmitool {words} -f "$1" chassis power on'
        command = [*self._keeper.entrance_of("rack1"), "sh", "-c", script, "sh"]
        said = subprocess.run(
            [*command, str(self._password)], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        return self._told_after(before) - float(said.split()[0])

    def _turn_off(self) -> int:
        """Press the machine's button; gives how much its BMC has been told by now."""
        self._chassis.press("off")
        return len(self._chassis.told())

    def _told_after(self, before: int) -> float:
        """Give when the BMC was told to turn on; it is told nothing else, and once."""
        news = self._chassis.told()[before:]
        if [told.what for told in news] != ["on"]:
            raise RuntimeError(f"the BMC was told {[told.what for told in news]}")
        return news[0].at

    def _ended(self, number: int) -> dict[str, Any] | None:
        row: dict[str, Any] = self._client.get(f"/api/v1/orders/{number}")
        if row["result"] is None:
            return None
        if row["result"] != "ok":
            raise RuntimeError(f"order {number}: {row['error']}")
        return row


def _seconds(moment: str) -> float:
    return moment_from_text(moment).timestamp()
