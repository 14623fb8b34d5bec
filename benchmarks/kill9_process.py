"""kill9-process: SIGKILL of a region process, until all its racks have their new manager's word."""

import statistics
import sys
import time
from itertools import cycle, islice

from benchmarks.floor import floor_of_fail_over
from benchmarks.inventory import add_inventory, last_event, others_moved
from benchmarks.load import Load, new_load, wait_until_told
from benchmarks.measure import Figure, percentile
from benchmarks.rig import Rig, Size, new_database, new_rig

RACKS = 100
SIZE = Size(hosts=2, processes=2)
KILLS = 40
SETTLE_SECONDS = 120.0
TOLD_SECONDS = 30.0
REST_SECONDS = 1.0
PEER = "a reconnect loop: 1-30 s"


def measure(racks: int = RACKS, size: Size = SIZE, kills: int = KILLS) -> list[Figure]:
    """Kill one process after the other; each is started again, and gets its share back."""
    with new_database() as dsn, new_rig(dsn, size) as rig, new_load(rig, racks) as load:
        load.start()
        add_inventory(rig, racks)
        load.wait_until_whole(rig, SETTLE_SECONDS)
        before = last_event(rig)
        victims = islice(cycle(rig.processes), kills)
        taken = [kill_one(rig, load, process) for process in victims]
        load.wait_until_whole(rig, SETTLE_SECONDS)
        moved = others_moved(rig, before)
        for text in moved:
            print(text, file=sys.stderr)
        floor = floor_of_fail_over(dsn)
    limit = f"{floor:.3g} s: FIN, gather, commit, NOTIFY and write"
    shape = f"{kills} kills, {racks} racks, {len(rig.processes)} processes"
    return [
        Figure(
            name="kill9-process-p50",
            value=statistics.median(taken),
            unit="s",
            target=0.06,
            peer=PEER,
            limit=limit,
        ),
        Figure(
            name="kill9-process-p99",
            value=percentile(taken, 99),
            unit="s",
            target=0.25,
            peer=PEER,
            limit=f"{limit}; {shape}",
        ),
        Figure(
            name="kill9-process-other-moves", value=len(moved), unit="BMC and DHCP moves", target=0
        ),
    ]


def kill_one(rig: Rig, load: Load, process: str) -> float:
    """Kill one process; gives the seconds until the last of its racks was told."""
    load.wait_until_whole(rig, SETTLE_SECONDS)
    time.sleep(REST_SECONDS)
    racks = [rack for rack, manager in load.state().managed_by.items() if manager == process]
    at = rig.kill(process)
    told = wait_until_told(load, at, racks, [process], TOLD_SECONDS)
    rig.start(process)
    return max(told.values())
