"""The fleet as operators see it: pure, from one reading to the JSON of `evenrack status`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from evenrack.model.fleet import Fleet, Rack, RegionProcess
from evenrack.model.identifiers import ProcessId, RegionId
from evenrack.model.moments import as_text
from evenrack.problems import CATALOGUE
from evenrack.region.troubles.survival import needed_parts
from evenrack.region.troubles.troubles import find_troubles

OK = {"state": "ok", "detail": ""}


def status_of(fleet: Fleet, *, database_problem: str | None, now: datetime) -> dict[str, Any]:
    """Give the whole status; with a database problem the rest is what was last known."""
    database = OK
    problems = problems_of(fleet, now=now)
    if database_problem is not None:
        database = {"state": "unreachable", "detail": database_problem}
        problems = [*unreachable_problems(database_problem, now=now), *problems]
    live_leader = fleet.leadership.holder if fleet.leadership.holder in fleet.live else None
    return {
        "generation": fleet.leadership.number.generation,
        "era": fleet.leadership.number.era,
        "leader": live_leader,
        "database": database,
        "problems": problems,
        "survives": survives(fleet),
        "regions": [_region(fleet, region) for region in fleet.regions],
        "racks": [_rack(fleet, rack) for rack in _by_name(fleet.racks.values())],
    }


def unreachable_problems(detail: str, *, now: datetime) -> list[dict[str, Any]]:
    """Give the one problem that can be told without a database."""
    return [_problem("DatabaseUnreachable", "database", detail, now)]


def problems_of(fleet: Fleet, *, now: datetime) -> list[dict[str, Any]]:
    """Give the problems that are recorded as open or that nobody is there to record."""
    shown = [
        _problem(t.code, t.object, t.affects, fleet.open_problems.get((t.code, t.object), now))
        for t in find_troubles(fleet)
        if (t.code, t.object) in fleet.open_problems or t.code == "NoLeader"
    ]
    return sorted(shown, key=lambda p: (CATALOGUE[p["code"]].severity, p["code"], p["object"]))


def survives(fleet: Fleet) -> dict[str, Any]:
    """Tell whether all would still be served with one part less."""
    needed = [{"part": need.part, "why": need.why} for need in needed_parts(fleet)]
    return {"yes": not needed, "not": needed}


def _problem(code: str, where: str, affects: str, since: datetime) -> dict[str, Any]:
    return {
        "code": code,
        "object": where,
        "since": as_text(since),
        "affects": affects,
        "do": CATALOGUE[code].do,
    }


def _region(fleet: Fleet, region: RegionId) -> dict[str, Any]:
    processes = [_process(fleet, p) for p in fleet.processes.values() if p.region == region]
    return {
        "id": region,
        "hostname": fleet.regions[region],
        "state": _state_of_all(process["state"] for process in processes),
        "racks_managed": sum(process["racks_managed"] for process in processes),
        "processes": processes,
    }


def _process(fleet: Fleet, process: RegionProcess) -> dict[str, Any]:
    return {
        "id": process.id,
        "pid": process.pid,
        "state": _state_of_process(fleet, process),
        "racks_managed": fleet.managed.get(process.id, 0),
        "connections": fleet.connections.get(process.id, 0),
        "clock_ahead": process.clock_ahead,
    }


def _rack(fleet: Fleet, rack: Rack) -> dict[str, Any]:
    reach = fleet.reach[rack.id]
    return {
        "id": rack.id,
        "hostname": rack.hostname,
        "failure_domain": rack.failure_domain,
        "state": _state_of_rack(fleet, rack, reach),
        "connections": len(fleet.links.by_rack.get(rack.id, ())),
        "processes_connected": len(reach),
        "processes_live": len(fleet.live),
        "managed_by": fleet.manager_of(rack.id),
        "vlans_primary": _designated(fleet, rack, 0),
        "vlans_secondary": _designated(fleet, rack, 1),
        "addresses": [str(address) for address in fleet.interfaces.get(rack.id, ())],
        "applied_generation": str(rack.holds),
    }


def _designated(fleet: Fleet, rack: Rack, place: int) -> list[str]:
    """Name the VLANs for which a rack is the primary (place 0) or the secondary (place 1)."""
    return [
        fleet.vlans[vlan].name
        for vlan, pair in fleet.pairs.items()
        if vlan in fleet.vlans and pair.racks[place : place + 1] == (rack.id,)
    ]


def _state_of_process(fleet: Fleet, process: RegionProcess) -> str:
    if process.state != "running":
        return process.state
    if process.id in fleet.draining:
        return "draining"
    wanted = [rack for rack, reach in fleet.reach.items() if reach]
    return "running" if all(process.id in fleet.reach[rack] for rack in wanted) else "degraded"


def _state_of_rack(fleet: Fleet, rack: Rack, reach: tuple[ProcessId, ...]) -> str:
    if reach and rack.id in fleet.draining:
        return "draining"
    if reach:
        return "running" if len(reach) == len(fleet.live) else "degraded"
    return "off" if rack.stopped else "dead"


def _state_of_all(states: Iterable[str]) -> str:
    found = set(states)
    if len(found) == 1:
        return found.pop()
    return "degraded" if found & {"running", "degraded", "draining"} else "dead"


def _by_name(racks: Iterable[Rack]) -> list[Rack]:
    return sorted(racks, key=lambda rack: (rack.hostname, rack.id))
