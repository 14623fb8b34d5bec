"""storm-db: every rack's links are in 16 processes; until all is recorded, managed, plans sent.

`python -m benchmarks.storm_db DSN PROCESSES RACKS` is one storm, and prints one JSON object.
"""

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extras import execute_values
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from benchmarks.measure import PROJECT, Figure
from benchmarks.rig import new_database, wait_for
from benchmarks.sockless import PlainFleet, run_to_end, until
from benchmarks.used_cpu import cpu_of, more, own_cpu
from evenrack.region.database.schema import upgrade

PROCESSES = 16
SIZES = (1_000, 2_000, 4_000)
BATCH = 500
REST_SECONDS = 2.0
LONGEST_SECONDS = 150.0
PEER = "MAAS's triggers: 6.4-7.8 s"


def measure(processes: int = PROCESSES, sizes: Sequence[int] = SIZES) -> list[Figure]:
    """Measure one storm of each size, each in a database of its own, and how they grow."""
    storms = [_storm(processes, size) for size in sizes]
    first = storms[0]
    shape = f"{sizes[0]} racks x {processes}"
    raw = f"{first['raw']:.3g} s, {first['raw_cpu']:.3g} s of CPU: raw batched insert, {shape}"
    return [
        Figure(
            name="storm-db",
            value=first["all"],
            unit="s",
            target=0.5,
            peer=PEER,
            limit=raw,
        ),
        Figure(name="storm-db-recorded", value=first["recorded"], unit="s", target=None, limit=raw),
        Figure(name="storm-db-managed", value=first["managed"], unit="s", target=None),
        Figure(
            name="storm-db-cpu",
            value=first["cpu"],
            unit="s of CPU",
            target=None,
            limit=f"of it {first['database_cpu']:.3g} s in PostgreSQL",
        ),
        *(
            Figure(name=f"storm-db-{size}", value=storm["all"], unit="s", target=None)
            for size, storm in zip(sizes[1:], storms[1:], strict=True)
        ),
        Figure(
            name="storm-db-growth",
            value=exponent(sizes, [storm["cpu"] for storm in storms]),
            unit="exponent",
            target=1.1,
            limit=f"1: CPU for {', '.join(map(str, sizes))} racks",
        ),
    ]


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Fit cost = a * size ** exponent by least squares of the logarithms."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - mean_x) ** 2 for x in xs)


def _storm(processes: int, racks: int) -> dict[str, float]:
    with new_database() as dsn:
        return storm_on(dsn, processes, racks)


def storm_on(dsn: str, processes: int, racks: int) -> dict[str, float]:
    """Run one storm in this database and then, over the same rows, the raw inserts."""
    upgrade(dsn)
    command = [sys.executable, "-m", "benchmarks.storm_db", dsn, str(processes), str(racks)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=PROJECT).stdout
    return json.loads(said.splitlines()[-1]) | _insert_again(dsn, processes * racks)


def _insert_again(dsn: str, expected: int) -> dict[str, float]:
    """Take the storm's rows away and insert them again: each process in batches, with NOTIFY."""
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        managing = _taken(cursor, "managing")
        links: dict[str, list[Any]] = {}
        column = _columns(cursor, "connection").index("process_id")
        for row in _taken(cursor, "connection"):
            links.setdefault(row[column], []).append(row)
    if sum(len(rows) for rows in links.values()) != expected:
        raise RuntimeError(f"the storm left other rows than {expected} links")
    sessions = {process: psycopg2.connect(dsn) for process in links}
    before, began = cpu_of(_pids(sessions.values())), time.monotonic()
    threads = [
        threading.Thread(target=_insert, args=(sessions[process], process, rows))
        for process, rows in links.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    any_session = next(iter(sessions.values()))
    with any_session, any_session.cursor() as cursor:
        execute_values(cursor, "INSERT INTO managing VALUES %s", managing, page_size=len(managing))
    seconds = time.monotonic() - began
    cpu = more(before, cpu_of(_pids(sessions.values())))
    for session in sessions.values():
        session.close()
    return {"raw": seconds, "raw_cpu": cpu}


def _insert(session: Any, process: str, rows: Sequence[Any]) -> None:
    for start in range(0, len(rows), BATCH):
        with session, session.cursor() as cursor:
            batch = rows[start : start + BATCH]
            execute_values(cursor, "INSERT INTO connection VALUES %s", batch, page_size=BATCH)
            cursor.execute("SELECT pg_notify('raw', %s)", (process,))


def _taken(cursor: Any, table: str) -> list[Any]:
    cursor.execute(f"DELETE FROM {table} RETURNING *")
    return list(cursor.fetchall())


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute(f"SELECT * FROM {table} LIMIT 0")
    return [column.name for column in cursor.description]


def _pids(sessions: Any) -> list[int]:
    return [session.info.backend_pid for session in sessions]


def _pids_of_database(dsn: str) -> list[int]:
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return [pid for (pid,) in cursor.fetchall()]


def know_racks(dsn: str, fleet: PlainFleet) -> None:
    """Enter the racks: they come back to regions that know them."""
    rows = [(rack.id, rack.id, "", "", False, 0, 0, "") for rack in fleet.racks]
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
            "holds_fingerprint) VALUES %s",
            rows,
        )


def _all_recorded(dsn: str, links: int) -> float:
    """Wait until the tables show all links; gives the moment. A hello may be answered before."""
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        session.autocommit = True

        def count() -> int:
            cursor.execute("SELECT count(*) FROM connection")
            return int(cursor.fetchone()[0])

        wait_for(lambda: count() >= links, LONGEST_SECONDS, f"{links} links are recorded")
    return time.monotonic()


async def storm(dsn: str, processes: int, racks: int) -> dict[str, float]:
    """Let all links come at one moment; gives seconds from then, and CPU."""
    fleet = PlainFleet(dsn, processes, racks)
    await fleet.start()
    know_racks(dsn, fleet)
    await deferLater(reactor, REST_SECONDS)
    sessions = cpu_of(_pids_of_database(dsn))
    began, own = reactor.seconds(), own_cpu()
    fleet.connect_all()
    recording = deferToThread(_all_recorded, dsn, processes * racks)
    await until(lambda: all(rack.told_at is not None for rack in fleet.racks), LONGEST_SECONDS)
    recorded = await recording
    of_database = more(sessions, cpu_of(_pids_of_database(dsn)))
    managed = max(rack.told_at for rack in fleet.racks)
    return {
        "all": max(recorded, managed) - began,
        "recorded": recorded - began,
        "managed": managed - began,
        "cpu": own_cpu() - own + of_database,
        "database_cpu": of_database,
    }


def main() -> None:
    """Run one storm; the rows stay."""
    dsn, processes, racks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

    run_to_end(lambda: storm(dsn, processes, racks))


if __name__ == "__main__":
    main()
