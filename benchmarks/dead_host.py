"""dead-host: a region host falls silent without FIN, until its racks have their new managers' word.

Its processes are stopped (SIGSTOP): their sockets stay, and say nothing any more.
"""

import statistics
import time
from itertools import cycle, islice

from benchmarks.load import Load, new_load, wait_until_told
from benchmarks.measure import Figure, percentile
from benchmarks.rig import Rig, Size, new_database, new_rig

RACKS = 100
SIZE = Size(hosts=2, processes=2)
LOSSES = 10
SETTLE_SECONDS = 120.0
TOLD_SECONDS = 60.0
REST_SECONDS = 1.0
PEER = "MAAS 90-150 s; Ironic 60 s"
SILENCE = "3 s of silence (setting)"


def measure(racks: int = RACKS, size: Size = SIZE, losses: int = LOSSES) -> list[Figure]:
    """Silence one host after the other; each speaks again, and gets its share back."""
    with new_database() as dsn, new_rig(dsn, size) as rig, new_load(rig, racks) as load:
        load.start()
        load.wait_until_whole(rig, SETTLE_SECONDS)
        taken = [silence_one(rig, load, region) for region in islice(cycle(rig.regions), losses)]
    shape = f"{losses} losses, {racks} racks, {size.hosts} hosts x {size.processes} processes"
    return [
        Figure(
            name="dead-host-p50",
            value=statistics.median(taken),
            unit="s",
            target=None,
            peer=PEER,
            limit=SILENCE,
        ),
        Figure(
            name="dead-host-p99",
            value=percentile(taken, 99),
            unit="s",
            target=5,
            peer=PEER,
            limit=f"{SILENCE}; {shape}",
        ),
    ]


def silence_one(rig: Rig, load: Load, region: str) -> float:
    """Silence one host; gives the seconds until the last of its racks was told."""
    load.wait_until_whole(rig, SETTLE_SECONDS)
    time.sleep(REST_SECONDS)
    lost = [process for process in rig.processes if process.startswith(f"{region}/")]
    racks = [rack for rack, manager in load.state().managed_by.items() if manager in lost]
    at = rig.freeze(region)
    try:
        return max(wait_until_told(load, at, racks, lost, TOLD_SECONDS).values())
    finally:
        rig.thaw(region)
