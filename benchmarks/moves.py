"""restart-moves, blips, orphans: how much is moved that need not be, by the racks' own count.

`python -m benchmarks.moves DSN CASE` does all three, the case and the answer being JSON.
"""

import itertools
import json
import subprocess
import sys
from contextlib import closing

import psycopg2
from attrs import asdict, frozen
from twisted.internet import reactor
from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater

from benchmarks.measure import PROJECT, Figure
from benchmarks.rig import new_database
from benchmarks.sockless import PlainFleet, PlainProcess, PlainRack, run_to_end, until
from evenrack.balance.policy import MANAGING
from evenrack.config.region_config import RegionLiveness
from evenrack.region.database.schema import upgrade

PROCESSES = 16
RACKS = 1_000
BLIPS = 300
AT_ONCE = 10
BLIP_SECONDS = 0.1
STILL_SECONDS = 4.0
"""Without a move: longer than the quiet window after which voluntary moves are made."""

LONGEST_SECONDS = 300.0
ADOPTED_SECONDS = 30.0
"""After which a rack without a manager counts as one that gets none."""


def measure(processes: int = PROCESSES, racks: int = RACKS, blips: int = BLIPS) -> list[Figure]:
    """Let one of the processes stop and return, links blip, and a process's row vanish."""
    with new_database() as dsn:
        counted = count_on(dsn, Case(processes=processes, racks=racks, blips=blips))
    share = racks // processes
    return [
        Figure(
            name="restart-moves-stop",
            value=counted["stop"],
            unit="moves",
            target=counted["had"],
            peer="MAAS 58-71",
            limit=f"{counted['had']}: what it managed",
        ),
        Figure(
            name="restart-moves-return",
            value=counted["back"],
            unit="moves",
            target=share,
            peer="MAAS 937-977",
            limit=f"{share}: its even share",
        ),
        Figure(name="blips", value=counted["blips"], unit="moves", target=0, peer="MAAS 287"),
        Figure(
            name="orphans", value=counted["orphans"], unit="racks", target=0, peer="MAAS 62 of 62"
        ),
    ]


@frozen(kw_only=True)
class Case:
    """How many there are of each."""

    processes: int
    racks: int
    blips: int
    still_seconds: float = STILL_SECONDS
    dead_after_seconds: float = RegionLiveness().dead_after_seconds
    """Silence of a process: of none here, but a machine that stands still makes some."""


def count_on(dsn: str, case: Case) -> dict[str, int]:
    """Do all of it in this database, in a program of its own."""
    upgrade(dsn)
    command = [sys.executable, "-m", "benchmarks.moves", dsn, json.dumps(asdict(case))]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=PROJECT).stdout
    return json.loads(said.splitlines()[-1])


async def count(dsn: str, case: Case) -> dict[str, int]:
    """Do all three; gives the moves, and the racks without a manager at the end."""
    liveness = RegionLiveness(dead_after_seconds=case.dead_after_seconds)
    fleet = PlainFleet(dsn, case.processes, case.racks, liveness)
    await fleet.start()
    fleet.connect_all()
    await until(lambda: all(rack.told_at is not None for rack in fleet.racks), LONGEST_SECONDS)
    await _still(fleet, case.still_seconds)
    victim = list(fleet.processes.values())[case.processes // 2]
    had, at_first = fleet.loads()[victim.id], fleet.moves()
    del fleet.processes[victim.id]
    await victim.stop()
    await _still(fleet, case.still_seconds)
    stopped = fleet.moves()
    victim = await fleet.replace(victim)
    await _still(fleet, case.still_seconds)
    back = fleet.moves()
    await _blip_all(fleet, case.blips)
    await _still(fleet, case.still_seconds)
    blipped = fleet.moves()
    orphans = await _lose_row(dsn, fleet, victim, case.still_seconds)
    return {
        "had": had,
        "stop": stopped - at_first,
        "back": back - stopped,
        "blips": blipped - back,
        "orphans": orphans,
    }


async def _still(fleet: PlainFleet, seconds: float) -> None:
    """Wait until all are managed evenly by who is there, and no rack was moved for so long."""
    end = reactor.seconds() + LONGEST_SECONDS
    before = -1
    while before != fleet.moves() or not _is_even(fleet):
        if reactor.seconds() > end:
            raise TimeoutError(f"still moving after {LONGEST_SECONDS:g} s")
        before = fleet.moves()
        await deferLater(reactor, seconds)


def _is_even(fleet: PlainFleet) -> bool:
    loads = fleet.loads().values()
    return sum(loads) == len(fleet.racks) and max(loads) < MANAGING.need(min(loads))


async def _blip_all(fleet: PlainFleet, blips: int) -> None:
    """Let links that manage nothing end and come back, a few at a time."""
    pairs = (
        (process, rack)
        for rack, process in itertools.product(fleet.racks, fleet.processes.values())
        if rack.managed_by != process.id
    )
    chosen = list(itertools.islice(pairs, 0, blips * 7, 7))  # 7: every process has its turn
    for start in range(0, len(chosen), AT_ONCE):
        some = chosen[start : start + AT_ONCE]
        await _blip(some)


async def _blip(links: list[tuple[PlainProcess, PlainRack]]) -> None:
    for process, rack in links:
        process.disconnect(rack)
    await deferLater(reactor, BLIP_SECONDS)
    await DeferredList([process.connect(rack) for process, rack in links])


async def _lose_row(dsn: str, fleet: PlainFleet, process: PlainProcess, still: float) -> int:
    """Delete a process's row and all that hangs on it; counts racks that nobody manages then."""
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        for table, column in (("managing", "process_id"), ("connection", "process_id")):
            cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", (process.id,))
        cursor.execute("DELETE FROM process WHERE id = %s", (process.id,))
    await deferLater(reactor, still)
    await _still(fleet, still)
    end = reactor.seconds() + ADOPTED_SECONDS
    while (orphans := _orphans(dsn)) and reactor.seconds() < end:
        await deferLater(reactor, still)
    return orphans


def _orphans(dsn: str) -> int:
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM rack r WHERE NOT EXISTS (SELECT 1 FROM managing m "
            "JOIN connection c ON c.rack_id = m.rack_id AND c.process_id = m.process_id "
            "JOIN process p ON p.id = m.process_id AND p.incarnation = c.incarnation "
            "WHERE m.rack_id = r.id AND p.state = 'running')"
        )
        return int(cursor.fetchone()[0])


def main() -> None:
    """Count once."""
    dsn, case = sys.argv[1], Case(**json.loads(sys.argv[2]))

    run_to_end(lambda: count(dsn, case))


if __name__ == "__main__":
    main()
