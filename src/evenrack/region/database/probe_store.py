"""Rows of `dhcp_probe`: which racks are to find out whether a host runs, and what they found."""

from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address
from typing import Any

from sqlalchemy import Connection, select, text

from evenrack.model.dhcp_probe import AGAIN_SECONDS, Probe, ProbeAnswer
from evenrack.model.identifiers import ProcessId, RackId, VlanId
from evenrack.region.database.dhcp_tables import dhcp_probe
from evenrack.region.database.fleet_keys import Wanted, named

_ANSWERED = "d.*, extract(epoch FROM clock_timestamp() - d.answered_at) AS age"

Probes = dict[VlanId, tuple[Probe, ...]]


def read_wanted(connection: Connection, of: Wanted[VlanId] = None) -> Probes:
    """Give what is to be found out, without what was; of these VLANs only if any are named."""
    table = dhcp_probe.c
    columns = (table.vlan_id, table.asked_rack, table.target_rack, table.address)
    rows = connection.execute(
        select(*columns).where(*named(table.vlan_id, of)).order_by(*columns[:3])
    )
    return _by_vlan(_wanted(row) for row in rows)


def read_probes(connection: Connection) -> Probes:
    """Give all of it with what was found, and how long ago."""
    rows = connection.execute(
        text(
            f"SELECT {_ANSWERED} FROM dhcp_probe d "  # noqa: S608  a constant
            "ORDER BY d.vlan_id, d.asked_rack, d.target_rack"
        )
    )
    return _by_vlan(_answered(row) for row in rows)


def read_due(connection: Connection, process: ProcessId) -> dict[RackId, list[Probe]]:
    """Give what each rack that this process manages is to be asked now."""
    rows = connection.execute(
        text(
            "SELECT d.* FROM dhcp_probe d JOIN managing m ON m.rack_id = d.asked_rack "
            "WHERE m.process_id = :process AND (d.answered_at IS NULL "
            "OR d.answered_at <= clock_timestamp() - make_interval(secs => :seconds)) "
            "ORDER BY d.vlan_id, d.target_rack"
        ),
        {"process": process, "seconds": AGAIN_SECONDS},
    )
    found: dict[RackId, list[Probe]] = {}
    for row in rows:
        found.setdefault(RackId(row.asked_rack), []).append(_wanted(row))
    return found


def write_probes(
    connection: Connection, begun: Collection[Probe], ended: Collection[Probe]
) -> None:
    """Let these be found out from now on, and those no more; each is another row than before.

    Written at once: where half of a large fleet is lost there are very many, and the leader waits.
    """
    if ended:
        connection.execute(
            text(
                "DELETE FROM dhcp_probe d USING "
                "unnest(CAST(:vlans AS integer[]), CAST(:asked AS text[]), "
                "CAST(:targets AS text[])) AS over (vlan, asked, target) WHERE "
                "(d.vlan_id, d.asked_rack, d.target_rack) = (over.vlan, over.asked, over.target)"
            ),
            _columns(ended),
        )
    if begun:
        connection.execute(
            text(
                "INSERT INTO dhcp_probe (vlan_id, asked_rack, target_rack, address) "
                "SELECT * FROM unnest(CAST(:vlans AS integer[]), CAST(:asked AS text[]), "
                "CAST(:targets AS text[]), CAST(:addresses AS text[])) ON CONFLICT DO NOTHING"
            ),
            {**_columns(begun), "addresses": [str(probe.address) for probe in begun]},
        )


def note_answers(
    connection: Connection, probes: Sequence[Probe], answers: Iterable[ProbeAnswer]
) -> None:
    """Note what a rack found about the hosts that it was asked about."""
    found = {answer.address: answer for answer in answers}
    for probe in probes:
        answer = found.get(probe.address)
        if answer is not None:
            connection.execute(
                text(
                    "UPDATE dhcp_probe SET found = :found, why = :why, "
                    "answered_at = clock_timestamp() WHERE vlan_id = :vlan "
                    "AND asked_rack = :asked AND target_rack = :target AND address = :address"
                ),
                {
                    **_key(probe),
                    "address": str(probe.address),
                    "found": answer.found,
                    "why": answer.why,
                },
            )


def _columns(probes: Collection[Probe]) -> dict[str, Any]:
    return {
        "vlans": [probe.vlan for probe in probes],
        "asked": [probe.asked for probe in probes],
        "targets": [probe.target for probe in probes],
    }


def _key(probe: Probe) -> dict[str, Any]:
    return {"vlan": probe.vlan, "asked": probe.asked, "target": probe.target}


def _by_vlan(probes: Iterable[Probe]) -> Probes:
    found: Probes = {}
    for probe in probes:
        found[probe.vlan] = (*found.get(probe.vlan, ()), probe)
    return found


def _wanted(row: Any) -> Probe:
    return Probe(
        vlan=VlanId(row.vlan_id),
        asked=RackId(row.asked_rack),
        target=RackId(row.target_rack),
        address=IPv4Address(row.address),
    )


def _answered(row: Any) -> Probe:
    return Probe(
        vlan=VlanId(row.vlan_id),
        asked=RackId(row.asked_rack),
        target=RackId(row.target_rack),
        address=IPv4Address(row.address),
        found=row.found,
        why=row.why,
        age=0.0 if row.age is None else max(0.0, float(row.age)),
    )
