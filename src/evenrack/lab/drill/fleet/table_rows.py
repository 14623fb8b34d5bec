"""Who is connected and who is responsible: as PostgreSQL's rows say it, and as a process tells."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import asdict, field, frozen

from evenrack.client import Client
from evenrack.lab.bmc.state import bmc_rows
from evenrack.lab.dhcp_state import dhcp_rows
from evenrack.lab.drill.trial import Trial

_ROWS = """
SELECT json_build_object(
  'connections', (SELECT coalesce(json_agg(json_build_array(r.hostname, c.process_id)), '[]')
    FROM connection c JOIN rack r ON r.id = c.rack_id
    JOIN process p ON p.id = c.process_id AND p.incarnation = c.incarnation
    WHERE p.state = 'running' AND c.rack_holds),
  'managing', (SELECT coalesce(json_agg(json_build_array(r.hostname, m.process_id)), '[]')
    FROM managing m JOIN rack r ON r.id = m.rack_id),
  'bmc_owners', (SELECT coalesce(json_agg(json_build_array(b.name, r.hostname)), '[]')
    FROM bmc_owner o JOIN bmc b ON b.id = o.bmc_id JOIN rack r ON r.id = o.rack_id),
  'designations', (SELECT coalesce(json_agg(json_build_array(v.name, p.hostname, s.hostname)), '[]')
    FROM dhcp_pair d JOIN vlan v ON v.id = d.vlan_id JOIN rack p ON p.id = d.primary_rack
    LEFT JOIN rack s ON s.id = d.secondary_rack))
"""
"""One statement, so that all of it is of one moment. A row of a process that was given up, or of a
connection that its rack says is lost, counts for nobody."""


@frozen(kw_only=True)
class Tables:
    """Everything by names; what is not there is left out."""

    connections_of_racks: Mapping[str, int]
    connections_of_processes: Mapping[str, int]
    managers: Mapping[str, str]
    """Who manages each rack."""
    bmc_owners: Mapping[str, str]
    designations: Mapping[str, tuple[str, str | None]]
    """The primary and the secondary rack of each VLAN."""


@frozen(kw_only=True)
class Rows:
    """What PostgreSQL has."""

    connections: tuple[tuple[str, str], ...]
    """A rack and a process for each, sorted."""
    managing: Mapping[str, str] = field(factory=dict)
    bmc_owners: Mapping[str, str] = field(factory=dict)
    designations: Mapping[str, tuple[str, str | None]] = field(factory=dict)

    def tables(self) -> Tables:
        """Give what a process has to tell of them: only who is connected manages a rack."""
        return Tables(
            connections_of_racks=Counter(rack for rack, _ in self.connections),
            connections_of_processes=Counter(process for _, process in self.connections),
            managers={
                each[0]: each[1] for each in self.managing.items() if each in self.connections
            },
            bmc_owners=self.bmc_owners,
            designations=self.designations,
        )


def read_rows(trial: Trial) -> Rows:
    """Read them from the lab's PostgreSQL itself, past every region process."""
    return rows_of(json.loads(trial.programs.postgres.ask(_ROWS)))


def rows_of(form: Mapping[str, Any]) -> Rows:
    """Read the answer of PostgreSQL."""
    return Rows(
        connections=tuple(sorted((rack, process) for rack, process in form["connections"])),
        managing=dict(form["managing"]),
        bmc_owners=dict(form["bmc_owners"]),
        designations={vlan: (first, second) for vlan, first, second in form["designations"]},
    )


def as_told(client: Client) -> Tables:
    """Ask whomever this client asks; RegionUnreachable or ApiRefused when that fails."""
    return told_tables(client.get("/api/v1/status"), bmc_rows(client), dhcp_rows(client))


def told_tables(
    status: Mapping[str, Any], bmcs: list[dict[str, Any]], vlans: list[dict[str, Any]]
) -> Tables:
    """Read the answers of one process."""
    racks = status["racks"]
    processes = [process for region in status["regions"] for process in region["processes"]]
    return Tables(
        connections_of_racks={r["hostname"]: r["connections"] for r in racks if r["connections"]},
        connections_of_processes={
            process["id"]: process["connections"] for process in processes if process["connections"]
        },
        managers={r["hostname"]: r["managed_by"] for r in racks if r["managed_by"] is not None},
        bmc_owners={bmc["name"]: bmc["owner"] for bmc in bmcs if bmc["owner"] is not None},
        designations={
            vlan["vlan"]: (vlan["primary_rack"], vlan["secondary_rack"])
            for vlan in vlans
            if vlan["primary_rack"] is not None
        },
    )


def difference(told: Tables, kept: Tables) -> str | None:
    """Say the first thing that is told unlike the rows."""
    rows = asdict(kept, recurse=False)
    for table, said in asdict(told, recurse=False).items():
        of, row = dict(said), dict(rows[table])
        for name in sorted(of.keys() | row.keys()):
            if of.get(name) != row.get(name):
                what = table.replace("_", " ")
                return (
                    f"{what}: {name} {_shown(of.get(name))}, the rows say {_shown(row.get(name))}"
                )
    return None


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " and ".join(_shown(each) for each in value)
    return "nothing" if value is None else str(value)
