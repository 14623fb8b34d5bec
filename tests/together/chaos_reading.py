"""One reading of a lab for the test of chaos: what its tables say, and what the kernel says."""

import json
from collections.abc import Iterable
from typing import Any

from attrs import evolve

from evenrack.client import Client, SocketTarget
from evenrack.lab.bmc.state import bmc_rows, what_bmcs_miss
from evenrack.lab.dhcp_state import what_dhcp_misses
from evenrack.lab.drill.sight import (
    Sight,
    miscounted,
    uneven,
    uneven_hosts,
    uneven_owners,
    unserved,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet_status import ANSWER_SECONDS, what_is_missing
from evenrack.lab.leftovers import leftovers
from evenrack.model.fleet_number import FleetNumber
from evenrack.runtime.child_process import identify
from evenrack.runtime.process_table import read_process
from tests.together.chaos_settled import Numbers, Reading

_TABLES = """
SELECT json_build_object(
  'epoch', epoch, 'number', era || '.' || generation,
  'plans', (SELECT json_object_agg(hostname, holds_era || '.' || holds_generation) FROM rack),
  'runs', (SELECT json_object_agg(hostname, run) FROM rack),
  'incarnations', (SELECT json_object_agg(id, incarnation) FROM process),
  'orphans', (SELECT coalesce(json_agg(what), '[]') FROM (
    SELECT 'a link of ' || r.hostname || ' to ' || p.id
      FROM connection c JOIN process p ON p.id = c.process_id JOIN rack r ON r.id = c.rack_id
      WHERE NOT c.rack_holds OR c.run <> r.run
        OR p.state <> 'running' OR p.incarnation <> c.incarnation
    UNION ALL SELECT r.hostname || ', managed by ' || m.process_id
      FROM managing m JOIN rack r ON r.id = m.rack_id
      WHERE NOT EXISTS (SELECT FROM connection c
        WHERE c.rack_id = m.rack_id AND c.process_id = m.process_id)
    UNION ALL SELECT 'BMC ' || b.name || ', owned by ' || r.hostname
      FROM bmc_owner o JOIN bmc b ON b.id = o.bmc_id JOIN rack r ON r.id = o.rack_id
      WHERE NOT EXISTS (SELECT FROM connection c WHERE c.rack_id = o.rack_id)
    UNION ALL SELECT v.name || ', paired on a VLAN whose DHCP is off'
      FROM dhcp_pair d JOIN vlan v ON v.id = d.vlan_id WHERE NOT v.dhcp_on
  ) AS found (what))
) FROM leadership
"""
_DHCPD = "dhcpd"


def read_numbers(trial: Trial) -> Numbers:
    """Read what may only grow; ProgramFailed while the database does not answer."""
    return _numbers(_read_tables(trial))


def read_fleet(trial: Trial) -> Reading:
    """Read everything; ProgramFailed while the database does not answer."""
    tables = _read_tables(trial)
    pids = {row.target: row.pid for row in trial.programs.look()}
    return Reading(
        numbers=_numbers(tables),
        orphans=[*tables["orphans"], *_dhcp_servers_of_nobody(trial, pids.values())],
        runs={name: None if pid is None else identify(pid) for name, pid in pids.items()},
        rack_runs=tables["runs"],
    )


def what_is_unsettled(trial: Trial, client: Client, status: dict[str, Any]) -> str | None:
    """Say what is not as it has to be with everything running; what the client raises is its own.

    What costs most, asking the kernel for every socket, comes when all else is right.
    """
    if dead := trial.programs.dead():
        return f"{', '.join(dead)} does not run"
    if status["database"]["state"] != "ok":
        return f"the database is {status['database']['state']}"
    fleet = trial.fleet
    missing = (
        what_is_missing(fleet, status)
        or what_bmcs_miss(client, fleet.bmcs)
        or what_dhcp_misses(fleet, client)
    )
    if missing is not None:
        return missing
    sight = trial.sight_of(status)
    return unserved(sight) or miscounted(sight) or _what_is_uneven(trial, sight, client)


def what_is_told_otherwise(trial: Trial) -> str | None:
    """Say which region process counts otherwise than the kernel, which is asked once for all."""
    answers = {
        process.name: Client([SocketTarget(path=process.socket)], timeout=ANSWER_SECONDS).get(
            "/api/v1/status"
        )
        for process in trial.fleet.processes
    }
    sight: Sight | None = None
    for process, status in answers.items():
        sight = trial.sight_of(status) if sight is None else evolve(sight, status=status)
        if wrong := miscounted(sight):
            return f"{process} says: {wrong}"
    return None


def _what_is_uneven(trial: Trial, sight: Sight, client: Client) -> str | None:
    owners = {row["name"]: row["owner"] for row in bmc_rows(client)}
    racks = [rack.rack for rack in trial.fleet.racks]
    return uneven(sight) or uneven_hosts(sight) or uneven_owners(owners, racks)


def _read_tables(trial: Trial) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(trial.programs.postgres.ask(_TABLES))
    return found


def _numbers(tables: dict[str, Any]) -> Numbers:
    plans = {rack: FleetNumber.from_text(number) for rack, number in tables["plans"].items()}
    return Numbers(
        epoch=tables["epoch"],
        number=FleetNumber.from_text(tables["number"]),
        plans=plans,
        incarnations=tables["incarnations"],
    )


def _dhcp_servers_of_nobody(trial: Trial, known: Iterable[int | None]) -> list[str]:
    rows = (read_process(program.pid) for program in leftovers(trial.fleet.directory))
    return [
        f"dhcpd, process {row.pid}, which no rack daemon knows"
        for row in rows
        if row is not None and row.name == _DHCPD and row.pid not in set(known)
    ]
