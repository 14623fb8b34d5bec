"""replanning: one of 100 racks with 10,000 VLANs is lost; until others have its roles.

`python -m benchmarks.replanning DSN PROCESSES RACKS VLANS` is one loss, and prints one JSON object.
Servers of racks are only what the tables say of them: normal, then without a partner, at last in
partner-down for longer than mclt. So the steps of a loss are measured without their waiting.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TypeVar

import psycopg2
from attrs import evolve, frozen
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from benchmarks.many_vlans import Served, reports_of, spread, take_over, write_reports, write_vlans
from benchmarks.measure import PROJECT, Figure
from benchmarks.rig import new_database, wait_for
from benchmarks.sockless import LOOK_SECONDS, PlainFleet, run_to_end, until
from benchmarks.storm_db import know_racks
from benchmarks.used_cpu import own_cpu
from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.dhcp_services import decide_services
from evenrack.balance.rack_plans import plan_for
from evenrack.config.region_config import BalanceSettings
from evenrack.model.fleet import Fleet
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId, VlanId
from evenrack.model.partner_down import PartnerDown
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.schema import upgrade

Given = TypeVar("Given")

PROCESSES, RACKS, VLANS = 2, 100, 10_000
TIMES = 5
REST_SECONDS = 5.0
LONGEST_SECONDS = 300.0
_HOLD_DOWN_SECONDS = BalanceSettings().dhcp.hold_down
_ROLES = "SELECT count(*) FROM {} WHERE %(rack)s IN (primary_rack, secondary_rack)"
_NUMBERS = "SELECT rack_id, era, generation FROM managing WHERE rack_id <> %(rack)s"


@frozen(kw_only=True)
class Size:
    """How many of each."""

    processes: int = PROCESSES
    racks: int = RACKS
    vlans: int = VLANS


def measure() -> list[Figure]:
    """Lose one of many racks."""
    with new_database() as dsn:
        took = lose_one(dsn, Size())
    shape = f"{VLANS:,} VLANs, {RACKS} racks, {PROCESSES} processes"
    return [
        _cpu("replan-pairs", took["pairs"], f"{shape}; {took['lost']:.0f} roles are another's"),
        _cpu("replan-services", took["services"], "the files follow the designations"),
        Figure(name="replan-plans", value=took["plans"], unit="s of CPU", target=None),
        Figure(name="replan-designated", value=took["designated"], unit="s", target=None),
        Figure(
            name="replan-told",
            value=took["told"],
            unit="s",
            target=5.0,
            limit=f"{took['racks']:.0f} racks; {took['decided']:.2g} s until it is in the tables, "
            f"{took['cpu']:.2g} s of CPU in all processes",
        ),
    ]


def _cpu(name: str, seconds: float, limit: str) -> Figure:
    return Figure(name=name, value=seconds, unit="s of CPU", target=0.05, limit=limit)


def lose_one(dsn: str, size: Size) -> dict[str, float]:
    """Lose one rack of a fleet of this size in this database."""
    upgrade(dsn)
    sizes = map(str, (size.processes, size.racks, size.vlans))
    command = [sys.executable, "-m", "benchmarks.replanning", dsn, *sizes]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=PROJECT).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


async def lose(dsn: str, size: Size) -> dict[str, float]:
    """Bring the fleet up, and lose its first rack; gives seconds."""
    fleet = PlainFleet(dsn, size.processes, size.racks)
    await fleet.start()
    know_racks(dsn, fleet)
    served = spread([rack.id for rack in fleet.racks], size.vlans)
    await deferToThread(write_vlans, dsn, served)
    await fleet.connect_all()
    await until(lambda: all(rack.plan and rack.plan.dhcp for rack in fleet.racks), LONGEST_SECONDS)
    await deferLater(reactor, REST_SECONDS)
    database, cache = PooledDatabase(dsn, reactor, name=ProcessId("benchmark/1")), FleetCache()
    await database.read(cache.read)
    lost, *others = fleet.racks
    for process in fleet.processes.values():
        process.disconnect(lost)
    gone = reactor.seconds()
    apart = reports_of(served, lost.id, "communications-interrupted")
    await deferToThread(write_reports, dsn, apart)
    while (seen := await database.read(cache.read)).is_connected(lost.id):
        await deferLater(reactor, LOOK_SECONDS)
    await deferToThread(_until_none, dsn, "dhcp_pair", lost.id)
    designated = reactor.seconds() - gone - _HOLD_DOWN_SECONDS
    began, cpu = reactor.seconds(), own_cpu()
    await deferToThread(take_over, dsn, served, lost.id)
    down = reports_of(served, lost.id, "partner-down")
    await deferToThread(write_reports, dsn, down)
    numbers = await deferToThread(_until_none, dsn, "dhcp_service", lost.id)
    decided = reactor.seconds() - began
    followers = [rack for rack in others if numbers[rack.id] > rack.holds[0]]
    await until(lambda: all(rack.holds[0] >= numbers[rack.id] for rack in others), LONGEST_SECONDS)
    told = [rack for rack in others if rack.took_at >= began]
    assert set(followers) <= set(told)  # noqa: S101
    return {
        "designated": designated,
        "decided": decided,
        "racks": len(told),
        "told": max(rack.took_at for rack in told) - began,
        "cpu": own_cpu() - cpu,
    } | planned(seen, served, lost.id)


def planned(fleet: Fleet, served: Sequence[Served], lost: RackId) -> dict[str, float]:
    """Decide, as the leader does, what becomes of the roles of a rack; gives seconds of CPU."""
    pairs_took, decided = _timed(lambda: decide_pairs(fleet, lost={lost}))
    later = evolve(
        fleet,
        pairs={**fleet.pairs, **decided.pairs},
        dhcp_reports=reports_of(served, lost, "partner-down"),
        partner_downs=_words(served, lost),
        taken_over=frozenset(_words(served, lost)),
    )
    assert decided.pairs  # noqa: S101
    services_took, changes = _timed(lambda: decide_services(later, decided.pairs))
    after = evolve(later, services={**later.services, **changes})
    racks = {rack for service in changes.values() for rack in service.racks}
    plans_took, _ = _timed(lambda: [plan_for(after, rack) for rack in racks])
    return {
        "pairs": pairs_took,
        "services": services_took,
        "plans": plans_took,
        "lost": sum(lost in each.racks[:2] for each in served),
    }


def _timed(work: Callable[[], Given]) -> tuple[float, Given]:
    """Do it some times; gives the median of CPU, and what it gave."""
    took = []
    for _ in range(TIMES):
        began = time.thread_time()
        given = work()
        took.append(time.thread_time() - began)
    return statistics.median(took), given


def _words(served: Sequence[Served], lost: RackId) -> Mapping[VlanId, PartnerDown]:
    """Say of each VLAN of a rack that it is dead."""
    at, found = datetime.now(tz=UTC), {}
    for each in served:
        if lost in each.racks[:2]:
            left = next(rack for rack in each.racks[:2] if rack != lost)
            found[each.vlan] = PartnerDown(
                vlan=each.vlan, survivor=left, dead=lost, who="an operator", at=at, taken_at=at
            )
    return found


def _until_none(dsn: str, table: str, lost: RackId) -> dict[RackId, FleetNumber]:
    """Wait until a rack has no role in a table; gives the numbers of the others' newest plans."""
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        session.autocommit = True

        def none() -> bool:
            cursor.execute(_ROLES.format(table), {"rack": lost})
            return cursor.fetchone() == (0,)

        wait_for(none, LONGEST_SECONDS, f"{lost} has no role in {table}")
        cursor.execute(_NUMBERS, {"rack": lost})
        return {RackId(rack): FleetNumber(era, number) for rack, era, number in cursor.fetchall()}


def main() -> None:
    """Lose one rack; the rows stay."""
    dsn, (processes, racks, vlans) = sys.argv[1], map(int, sys.argv[2:])
    size = Size(processes=processes, racks=racks, vlans=vlans)
    run_to_end(lambda: lose(dsn, size))


if __name__ == "__main__":
    main()
