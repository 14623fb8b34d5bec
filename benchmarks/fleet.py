"""A fleet of the default size: how soon it lives, how soon it answers, how much memory it takes."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.real_lab import EVENRACK, real_lab

RUNS = 9
SETTLE_SECONDS = 20.0


def measure() -> list[Figure]:
    """Bring up the default lab, with its network, clients and BMCs, and measure it."""
    began = time.monotonic()
    with real_lab() as lab:
        seconds, folder = time.monotonic() - began, str(lab.parent)
        time.sleep(SETTLE_SECONDS)
        socket = str(lab / "region1" / "run" / "regiond-1.sock")
        status = _median_seconds([EVENRACK, "--socket", socket, "status"])
        bare = _median_seconds([sys.executable, "-c", "import click, http.client, json"])
        region = max(_resident_mebibytes("evenrack-regiond", folder))
        rack = max(_resident_mebibytes("evenrack-rackd", folder))
        twisted = _bare_twisted_mebibytes()
    return [
        Figure(name="fleet-up", value=seconds, unit="s", target=15),
        Figure(
            name="status",
            value=status,
            unit="s",
            target=0.3,
            limit=f"{bare:.3g} s to start Python with click and HTTP",
        ),
        Figure(
            name="region-memory",
            value=region,
            unit="MiB",
            target=110,
            limit=f"{twisted:.3g} MiB of a bare reactor",
        ),
        Figure(
            name="rack-memory",
            value=rack,
            unit="MiB",
            target=60,
            limit=f"{twisted:.3g} MiB of a bare reactor",
        ),
    ]


def _median_seconds(command: list[str]) -> float:
    taken = []
    for _ in range(RUNS):
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


def _resident_mebibytes(program: str, folder: str) -> list[float]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_text().split("\0")
            text = status.read_text()
        except OSError:
            continue  # it has ended meanwhile
        if any(program in word for word in command) and any(folder in word for word in command):
            found.append(_resident(text))
    return found


def _resident(status: str) -> float:
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _bare_twisted_mebibytes() -> float:
    code = (
        "from twisted.internet import reactor; from twisted.protocols import amp; "
        "print(open('/proc/self/status').read())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return _resident(said)
