"""leader-look: what one event costs the leader of a fleet of full size, until it is decided.

`python -m benchmarks.leader_look DSN` looks at what is in a database, and prints one JSON object.
"""

import json
import subprocess
import sys
import time
from contextlib import closing

import psycopg2
from attrs import frozen
from twisted.internet import reactor

from benchmarks.full_fleet import FleetSize, rack_id, write_fleet
from benchmarks.measure import PROJECT, Figure
from benchmarks.rig import new_database
from benchmarks.sockless import run_to_end
from evenrack.config.region_config import BalanceSettings
from evenrack.model.identifiers import ProcessId
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.process_store import Incarnation
from evenrack.region.database.schema import upgrade
from evenrack.region.leading.leader import Death, Leader
from evenrack.region.service import leader_settings
from evenrack.runtime.thinking import think_beside

ME = ProcessId("region1/1")
LINK_LOST = (
    f"DELETE FROM connection WHERE rack_id = '{rack_id(7)}' AND process_id = "
    f"(SELECT process_id FROM managing WHERE rack_id = '{rack_id(7)}')"
)
PROCESS_LOST = "UPDATE process SET state = 'dead' WHERE id = 'region2/1'"
TIMES = 5
"""So often it looks although nothing happened."""


@frozen
class _Alone:
    """No other process beats or is missed (`leader.Members`)."""

    me = Incarnation(process=ME, incarnation=1)

    def silent(self) -> list[Death]:
        """Give nobody."""
        return []


def measure(size: FleetSize | None = None) -> list[Figure]:
    """Write a fleet down, and let a leader look at it before and after things happen."""
    size = size or FleetSize()
    with new_database() as dsn:
        upgrade(dsn)
        write_fleet(dsn, size)
        command = [sys.executable, "-m", "benchmarks.leader_look", dsn]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=PROJECT).stdout
    took = json.loads(said.splitlines()[-1])
    shape = f"{size.racks} racks x 16, {size.bmcs} BMCs, {size.vlans} VLANs"
    return [
        Figure(name="look-read", value=took["read"], unit="s", target=None, limit=shape),
        Figure(name="look-first", value=took["first"], unit="s", target=0.25),
        Figure(name="look-second", value=took["second"], unit="s", target=None),
        Figure(name="look-nothing", value=took["nothing"], unit="s", target=0.1),
        Figure(name="look-link-lost", value=took["link_lost"], unit="s", target=0.1),
        Figure(
            name="look-process-lost",
            value=took["process_lost"],
            unit="s",
            target=0.25,
            limit=f"{took['moved']:.0f} racks get another manager",
        ),
    ]


async def look(dsn: str) -> dict[str, float]:
    """Lead; gives the seconds of each look, from the event to its decision in the tables."""
    database = PooledDatabase(dsn, reactor, name=ME)
    settings = leader_settings(BalanceSettings())
    cache = FleetCache()
    leader = Leader(database, cache, _Alone(), reactor, think_beside(reactor), settings)
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        session.autocommit = True

        async def timed(happens: str = "SELECT") -> float:
            cursor.execute(happens)
            began = time.monotonic()
            await leader.look()
            return time.monotonic() - began

        def managed_by(process: str) -> int:
            cursor.execute("SELECT count(*) FROM managing WHERE process_id = %s", [process])
            return int(cursor.fetchone()[0])

        began = time.monotonic()
        await database.read(cache.read)  # every process has done so before it leads
        took = {"read": time.monotonic() - began}
        took |= {"first": await timed(), "second": await timed()}
        took["nothing"] = min([await timed() for _ in range(TIMES)])
        took["link_lost"] = await timed(LINK_LOST)
        had = managed_by("region2/1")
        took["process_lost"] = await timed(PROCESS_LOST)
        took["moved"] = had - managed_by("region2/1")
    return took


def main() -> None:
    """Look at a fleet that is written down already."""
    run_to_end(lambda: look(sys.argv[1]))


if __name__ == "__main__":
    main()
