"""event-200k, event-growth, cold-200k, rss-200k: the engine with a data centre's worth of BMCs.

`python -m benchmarks.spreading SHAPE RACKS` measures one shape in a program of its own, and prints
JSON. What each BMC reaches has one of four shapes.
"""

import gc
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from benchmarks.measure import PROJECT, Figure, percentile
from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin

OWNERS = SpreadPolicy(theta=0.25, gap=2)
RACKS = 5_000
BMCS_FOR_EACH_RACK = 40
EVENTS = 300
SEED = 1
Reach = tuple[str, ...]
SHAPES = {
    "room": "every 100 racks reach all BMCs of their room",
    "subnet": "every 10 racks reach the same BMCs",
    "mixed": "1,000 subnets, each reached by 12 racks from anywhere",
    "own": "every BMC is reached by 3 racks from anywhere",
}
MILLISECONDS = {"room": 5, "subnet": 5, "mixed": 5, "own": 50}
MEGABYTES = {"room": 100, "subnet": 100, "mixed": 100, "own": 200}


def measure(racks: int = RACKS) -> list[Figure]:
    """Measure every shape, and how the cost of an event grows with the fleet."""
    figures = []
    flow = solve_by_flow(racks)
    for shape in SHAPES:
        found = in_own_program(shape, racks)
        figures += [
            Figure(
                name=f"event-200k-{shape}",
                value=found["event_ms"],
                unit="ms CPU p99",
                target=MILLISECONDS[shape],
                limit=f"{found['changed']:.0f} items changed at most",
                peer=f"OR-tools anew {flow * 1000:.0f} ms",
            ),
            Figure(
                name=f"cold-200k-{shape}",
                value=found["cold_seconds"],
                unit="s CPU",
                target=1,
                peer=f"OR-tools {flow:.1f} s",
            ),
            Figure(
                name=f"rss-200k-{shape}",
                value=found["megabytes"],
                unit="MB",
                target=MEGABYTES[shape],
            ),
        ]
    return [*figures, growth(racks)]


def growth(racks: int) -> Figure:
    """Compare the median event of this fleet with that of one a hundredth as large."""
    small = in_own_program("subnet", max(20, racks // 100))
    large = in_own_program("subnet", racks)
    ratio = large["median_ms"] / small["median_ms"]
    return Figure(
        name="event-growth",
        value=ratio,
        unit="x for 100 x the fleet",
        target=1.2**2,
        limit="1: the changed items are as many",
    )


def in_own_program(shape: str, racks: int) -> dict[str, float]:
    """Measure one shape where nothing else takes memory."""
    command = [sys.executable, "-m", "benchmarks.spreading", shape, str(racks)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=PROJECT).stdout
    return json.loads(said)


def solve_by_flow(racks: int) -> float:
    """Give the CPU seconds in which OR-tools finds owners for the shape `subnet`, anew."""
    reaches = reaches_of("subnet", racks)
    number = {name: n for n, name in enumerate(names_of(racks))}
    items, most = len(reaches), BMCS_FOR_EACH_RACK
    flow = SimpleMinCostFlow()
    began = time.process_time()
    pairs = np.array(
        [(n, items + number[name]) for n, reach in enumerate(reaches) for name in reach]
    )
    ones = np.ones(len(pairs), dtype=np.int64)
    flow.add_arcs_with_capacity_and_unit_cost(pairs[:, 0], pairs[:, 1], ones, ones * 0)
    ends = np.repeat(np.arange(items, items + racks), 2)
    sink = np.full(len(ends), items + racks)
    room = np.tile(np.array([most, items]), racks)
    flow.add_arcs_with_capacity_and_unit_cost(ends, sink, room, np.tile(np.array([0, 1]), racks))
    flow.set_nodes_supplies(np.arange(items), np.ones(items, dtype=np.int64))
    flow.set_nodes_supplies(np.array([items + racks]), np.array([-items]))
    if flow.solve() != flow.OPTIMAL:
        raise RuntimeError("OR-tools found no solution")
    return time.process_time() - began


def names_of(racks: int) -> list[str]:
    """Name the racks."""
    return [f"rack{number:05}" for number in range(racks)]


def reaches_of(shape: str, racks: int) -> list[Reach]:
    """Give the reach of each BMC."""
    chance, names = random.Random(SEED), names_of(racks)
    count = racks * BMCS_FOR_EACH_RACK

    def block(size: int) -> list[Reach]:
        return [tuple(names[n : n + size]) for n in range(0, racks, size)]

    if shape == "own":
        return [tuple(sorted(chance.sample(names, 3))) for _ in range(count)]
    if shape == "mixed":
        sets = [tuple(sorted(chance.sample(names, min(12, racks)))) for _ in range(racks // 5)]
    else:
        sets = block(100 if shape == "room" else 10)
    return [sets[number * len(sets) // count] for number in range(count)]


def measure_shape(shape: str, racks: int) -> dict[str, float]:
    """Start a fleet of one shape, then let racks and BMCs come and go."""
    names, reaches = names_of(racks), reaches_of(shape, racks)
    ids = [str(number) for number in range(len(reaches))]
    gc.collect()
    before = _resident()
    spreading = Spreading(OWNERS)
    gc.disable()  # as a leader does while it takes over
    began = time.process_time()
    for name in names:
        spreading.open_bin(Bin(id=name))
    for bmc, reach in zip(ids, reaches, strict=True):
        spreading.put_item(bmc, reach, None)
    spreading.place()
    spreading.audit()
    cold = time.process_time() - began
    gc.enable()
    gc.collect()
    gc.freeze()
    megabytes = (_resident() - before) / (1 << 20)
    while spreading.needs_audit:
        spreading.audit()
    took, changed = _events(spreading, names, list(zip(ids, reaches, strict=True)))
    return {
        "cold_seconds": cold,
        "megabytes": megabytes,
        "event_ms": max(percentile(each, 99) for each in took.values()) * 1000,
        "median_ms": max(percentile(each, 50) for each in took.values()) * 1000,
        "changed": changed,
    }


def _resident() -> int:
    """Give the bytes of memory that this program has now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _events(
    spreading: Spreading, names: Sequence[str], bmcs: Sequence[tuple[str, Reach]]
) -> tuple[dict[str, list[float]], int]:
    """Give the CPU seconds of each event by kind, and the most items that one of them moved."""
    chance = random.Random(SEED)
    took: dict[str, list[float]] = {}
    most = 0

    def event(kind: str, happen: Callable[[], None]) -> None:
        nonlocal most
        began = time.process_time()
        happen()
        moves = len(spreading.place()) + len(spreading.settle())
        took.setdefault(kind, []).append(time.process_time() - began)
        most = max(most, moves)

    for _ in range(EVENTS):
        name, (bmc, reach) = chance.choice(names), chance.choice(bmcs)
        event("rack lost", lambda name=name: spreading.close_bin(name))
        event("rack back", lambda name=name: spreading.open_bin(Bin(id=name)))
        event("BMC gone", lambda bmc=bmc: spreading.forget_item(bmc))
        event("BMC new", lambda bmc=bmc, reach=reach: spreading.put_item(bmc, reach, None))
    return took, most


if __name__ == "__main__":
    print(json.dumps(measure_shape(sys.argv[1], int(sys.argv[2]))))
