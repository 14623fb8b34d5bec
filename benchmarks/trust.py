"""What certificates and TLS cost a region process, against the same links in the clear."""

import json
import statistics
import subprocess
import sys

from benchmarks.measure import Figure

LINKS = 1_000
RUNS = 3


def measure() -> list[Figure]:
    """Reconnect 1,000 racks to one process and call over their links, with TLS and without."""
    plain, tls = _median("plain"), _median("tls")
    in_clear = "the same links in the clear"
    return [
        Figure(
            name="tls-call-ratio",
            value=tls["cpu_per_call"] / plain["cpu_per_call"],
            unit="x",
            target=2,
            limit=f"1 x: {in_clear}, {plain['cpu_per_call'] * 1e3:.3g} ms of CPU a call",
        ),
        Figure(
            name="tls-connect-ratio",
            value=tls["cpu_of_connects"] / plain["cpu_of_connects"],
            unit="x",
            target=10,
            limit=f"1 x: {in_clear}, {plain['cpu_of_connects']:.3g} s of CPU",
        ),
        Figure(
            name="tls-memory-of-link",
            value=tls["kib_per_link"],
            unit="KiB",
            target=64,
            limit=f"{plain['kib_per_link']:.3g} KiB of {in_clear}",
        ),
        Figure(
            name="reconnect-1000-cpu", value=tls["cpu_of_connects"], unit="s of CPU", target=1.5
        ),
        Figure(name="reconnect-1000", value=tls["seconds"], unit="s", target=4),
    ]


def _median(kind: str) -> dict[str, float]:
    runs = []
    for _ in range(RUNS):
        command = [sys.executable, "-m", "benchmarks.links", kind, str(LINKS)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        runs.append(json.loads(said))
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}
