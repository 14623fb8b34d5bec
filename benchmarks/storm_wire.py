"""storm-wire: so many racks come at once over AMP with TLS, until every one of them is managed."""

import time

from benchmarks.bare_amp import bare_storm
from benchmarks.load import new_load, wait_until_told
from benchmarks.measure import Figure
from benchmarks.rig import Size, new_database, new_rig

RACKS = 1_000
SIZE = Size(hosts=2, processes=2)
LONGEST_SECONDS = 300.0
PING_SECONDS = 3.0
REST_SECONDS = 2.0
SILENCE_SECONDS = 9.0
"""Thrice the usual: 4,000 pings a second would be all that two processors do."""


def measure(racks: int = RACKS, size: Size = SIZE) -> list[Figure]:
    """Let the racks come, and then as many bare AMP connections."""
    with (
        new_database() as dsn,
        new_rig(dsn, size, {"silence_seconds": SILENCE_SECONDS, "lease_seconds": 15}) as rig,
        new_load(rig, racks, ping_seconds=PING_SECONDS, silence_seconds=SILENCE_SECONDS) as load,
    ):
        processes = len(rig.processes)
        everyone = list(load.state().managed_by)
        time.sleep(REST_SECONDS)
        began = load.start()
        managed = wait_until_told(load, began, everyone, [], LONGEST_SECONDS)
        load.wait_until_whole(rig, LONGEST_SECONDS, even=False)
        cpu = load.state().cpu
    bare = bare_storm(racks, processes)
    seconds = max(managed.values())
    shape = f"{racks} x {processes} connections and hellos with TLS"
    return [
        Figure(
            name="storm-wire-ratio",
            value=seconds / bare["seconds"],
            unit="x",
            target=2,
            limit=f"1 x: bare AMP, {shape}, {bare['seconds']:.3g} s",
        ),
        Figure(name="storm-wire", value=seconds, unit="s", target=None),
        Figure(
            name="storm-wire-racks-cpu",
            value=cpu,
            unit="s of CPU",
            target=None,
            limit=f"{bare['cpu_of_racks']:.3g} s of CPU of the bare racks",
        ),
    ]
