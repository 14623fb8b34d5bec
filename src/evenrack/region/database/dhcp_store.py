"""Who serves which VLAN, what racks say of their servers and interfaces, and whose turn it is."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from sqlalchemy import Connection, select, text

from evenrack.balance.dhcp_swaps import FOLLOW_SECONDS
from evenrack.model.dhcp_report import NOTHING_SERVED, DhcpReport
from evenrack.model.dhcp_roles import Pair, Server, Service, Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.json_form import from_json, to_json
from evenrack.region.database.dhcp_tables import dhcp_pair, dhcp_service, rack_dhcp
from evenrack.region.database.fleet_keys import Wanted, named
from evenrack.region.database.notify import notify
from evenrack.region.database.served_store import note_all_left, note_left, note_served
from evenrack.region.database.tables import rack_interface


def read_pairs(connection: Connection, of: Wanted[VlanId] = None) -> dict[VlanId, Pair]:
    """Give the designations, of these VLANs only if any are named."""
    rows = connection.execute(
        select(dhcp_pair).where(*named(dhcp_pair.c.vlan_id, of)).order_by(dhcp_pair.c.vlan_id)
    )
    return {
        VlanId(row.vlan_id): Pair(
            primary=RackId(row.primary_rack),
            secondary=None if row.secondary_rack is None else RackId(row.secondary_rack),
            number=FleetNumber(row.era, row.generation),
        )
        for row in rows
    }


def read_services(connection: Connection, of: Wanted[VlanId] = None) -> dict[VlanId, Service]:
    """Give who has each VLAN in its file, of these VLANs only if any are named."""
    rows = connection.execute(
        select(dhcp_service)
        .where(*named(dhcp_service.c.vlan_id, of))
        .order_by(dhcp_service.c.vlan_id)
    )
    return {
        VlanId(row.vlan_id): Service(
            primary=_server(row.primary_rack, row.primary_address),
            secondary=None
            if row.secondary_rack is None
            else _server(row.secondary_rack, row.secondary_address),
            number=FleetNumber(row.era, row.generation),
            met=row.met,
            hurries=row.hurries,
            leaving=_rack_or_none(row.leaving_rack),
            lower=_rack_or_none(row.lower_rack),
            held=_rack_or_none(row.held_rack),
        )
        for row in rows
    }


def read_interfaces(
    connection: Connection, of: Wanted[RackId] = None
) -> dict[RackId, tuple[IPv4Interface, ...]]:
    """Give the addresses of the racks' interfaces, of these racks only if any are named."""
    found: dict[RackId, tuple[IPv4Interface, ...]] = {}
    rows = connection.execute(
        select(rack_interface)
        .where(*named(rack_interface.c.rack_id, of))
        .order_by(rack_interface.c.rack_id, rack_interface.c.name, rack_interface.c.address)
    )
    for row in rows:
        rack = RackId(row.rack_id)
        found[rack] = (*found.get(rack, ()), IPv4Interface(row.address))
    return found


def read_rack_interfaces(connection: Connection, rack: RackId) -> tuple[Interface, ...]:
    """Give the addresses of one rack with the names of their interfaces, in their order."""
    rows = connection.execute(select(rack_interface).where(rack_interface.c.rack_id == rack))
    found = [Interface(name=row.name, address=IPv4Interface(row.address)) for row in rows]
    return tuple(sorted(found))


def read_reports(connection: Connection, of: Wanted[RackId] = None) -> dict[RackId, DhcpReport]:
    """Give what racks last said of their servers, of these racks only if any are named."""
    rows = connection.execute(
        select(rack_dhcp).where(*named(rack_dhcp.c.rack_id, of)).order_by(rack_dhcp.c.rack_id)
    )
    return {RackId(row.rack_id): _report_in(row.report) for row in rows}


def read_turns(connection: Connection, of: Wanted[RackId] = None) -> dict[RackId, str]:
    """Give for which plan each rack has the turn, of these racks only if any are named."""
    rows = connection.execute(
        select(rack_dhcp.c.rack_id, rack_dhcp.c.turn)
        .where(*named(rack_dhcp.c.rack_id, of))
        .order_by(rack_dhcp.c.rack_id)
    )
    return {RackId(row.rack_id): row.turn for row in rows}


def read_granted(connection: Connection, of: Wanted[RackId] = None) -> dict[RackId, datetime]:
    """Give when each rack got its last turn, of these racks only if any are named."""
    rows = connection.execute(
        select(rack_dhcp.c.rack_id, rack_dhcp.c.turn_at)
        .where(rack_dhcp.c.turn_at.is_not(None), *named(rack_dhcp.c.rack_id, of))
        .order_by(rack_dhcp.c.rack_id)
    )
    return {RackId(row.rack_id): row.turn_at for row in rows}


def read_open_turns(connection: Connection, process: ProcessId) -> dict[RackId, Turn]:
    """Give the turns of the racks that this process manages, for plans that still wait.

    A turn that follows another rack's is open while that rack has what it applied in its own: for
    FOLLOW_SECONDS from when that was granted, or as soon as it takes nothing back any more. By this
    database's clock, however long whoever granted or sends it is held up.
    """
    rows = connection.execute(
        text(
            "SELECT d.rack_id, d.turn, coalesce(f.report -> 'changing' = 'true', false) AS ends "
            "FROM rack_dhcp d JOIN managing m ON m.rack_id = d.rack_id "
            "LEFT JOIN rack_dhcp f ON f.rack_id = d.turn_after "
            "WHERE m.process_id = :process AND d.turn <> '' AND d.turn = d.report ->> 'waiting' "
            "AND (d.turn_after IS NULL OR (f.report ->> 'applied' = f.turn "
            "AND (f.report -> 'changing' IS DISTINCT FROM 'true' "
            "OR clock_timestamp() < f.turn_at + make_interval(secs => :seconds)))) "
            "ORDER BY d.rack_id"
        ),
        {"process": process, "seconds": FOLLOW_SECONDS},
    )
    return {RackId(row.rack_id): Turn(plan=row.turn, ends=row.ends) for row in rows}


def record_interfaces(
    connection: Connection, rack: RackId, interfaces: Iterable[Interface]
) -> None:
    """Note the addresses that a rack says it has, each with the interface's name."""
    known = {
        row.address: row.name
        for row in connection.execute(
            text("SELECT address, name FROM rack_interface WHERE rack_id = :rack"), {"rack": rack}
        )
    }
    said = {str(interface.address): interface.name for interface in interfaces}
    if said == known:
        return
    connection.execute(  # two processes may hear it at once
        text("SELECT FROM rack WHERE id = :rack FOR NO KEY UPDATE"), {"rack": rack}
    )
    connection.execute(text("DELETE FROM rack_interface WHERE rack_id = :rack"), {"rack": rack})
    inserted = connection.execute(
        text(
            "INSERT INTO rack_interface (rack_id, address, name) "
            "SELECT rack.id, said.address, said.name FROM rack, "
            "unnest(CAST(:addresses AS text[]), CAST(:names AS text[])) AS said (address, name) "
            "WHERE rack.id = :rack"
        ),
        {"rack": rack, "addresses": list(said), "names": list(said.values())},
    )
    if known or inserted.rowcount:  # nothing of either: nobody knows the rack
        notify(connection, "racks")


def record_report(connection: Connection, rack: RackId, report: DhcpReport) -> None:
    """Note what a rack says of its DHCP server."""
    changed = connection.execute(
        text(
            "INSERT INTO rack_dhcp (rack_id, report, turn) "
            "SELECT id, CAST(:report AS jsonb), '' FROM rack WHERE id = :rack "
            "ON CONFLICT (rack_id) DO UPDATE SET report = excluded.report "
            "WHERE rack_dhcp.report <> excluded.report RETURNING 1"
        ),
        {"rack": rack, "report": json.dumps(_as_jsonb_holds_it(to_json(report)))},
    ).one_or_none()
    if changed is not None:
        notify(connection, "racks")


def write_pairs(
    connection: Connection, pairs: Mapping[VlanId, Pair | None], number: FleetNumber
) -> None:
    """Designate these racks under this number; None designates nobody."""
    for vlan, pair in pairs.items():
        if pair is None:
            connection.execute(text("DELETE FROM dhcp_pair WHERE vlan_id = :vlan"), {"vlan": vlan})
            continue
        connection.execute(
            text(
                "INSERT INTO dhcp_pair (vlan_id, primary_rack, secondary_rack, era, generation) "
                "SELECT id, :primary, :secondary, :era, :generation FROM vlan WHERE id = :vlan "
                "ON CONFLICT (vlan_id) DO UPDATE SET primary_rack = excluded.primary_rack, "
                "secondary_rack = excluded.secondary_rack, era = excluded.era, "
                "generation = excluded.generation"
            ),
            {
                "vlan": vlan,
                "primary": pair.primary,
                "secondary": pair.secondary,
                "era": number.era,
                "generation": number.generation,
            },
        )


def write_services(
    connection: Connection, services: Mapping[VlanId, Service | None], number: FleetNumber
) -> None:
    """Put these VLANs into the files of these racks; every rack concerned gets a newer plan."""
    for vlan, service in services.items():
        touch_servers(connection, vlan, number)
        if service is None:
            connection.execute(
                text("DELETE FROM dhcp_service WHERE vlan_id = :vlan"), {"vlan": vlan}
            )
            continue
        note_left(connection, vlan, service.racks)
        note_all_left(connection, vlan)
        _write_service(connection, vlan, service, number)
        touch_servers(connection, vlan, number)
    note_served(connection, [v for v, it in services.items() if it is not None and it.met])


def _write_service(
    connection: Connection, vlan: VlanId, service: Service, number: FleetNumber
) -> None:
    secondary = service.secondary
    connection.execute(
        text(
            "INSERT INTO dhcp_service (vlan_id, primary_rack, primary_address, "
            "secondary_rack, secondary_address, era, generation, met, hurries, leaving_rack, "
            "lower_rack, held_rack) "
            "SELECT id, :primary, :primary_address, :secondary, :secondary_address, :era, "
            ":generation, :met, :hurries, :leaving, :lower, :held FROM vlan WHERE id = :vlan "
            "ON CONFLICT (vlan_id) DO UPDATE SET primary_rack = excluded.primary_rack, "
            "primary_address = excluded.primary_address, "
            "secondary_rack = excluded.secondary_rack, "
            "secondary_address = excluded.secondary_address, "
            "era = excluded.era, generation = excluded.generation, met = excluded.met, "
            "hurries = dhcp_service.hurries OR excluded.hurries, "
            "leaving_rack = excluded.leaving_rack, lower_rack = excluded.lower_rack, "
            "held_rack = excluded.held_rack"
        ),
        {
            "vlan": vlan,
            "met": service.met,
            "hurries": service.hurries,
            "leaving": service.leaving,
            "lower": service.lower,
            "held": service.held,
            "primary": service.primary.rack,
            "primary_address": str(service.primary.address),
            "secondary": None if secondary is None else secondary.rack,
            "secondary_address": None if secondary is None else str(secondary.address),
            "era": number.era,
            "generation": number.generation,
        },
    )


def write_met(connection: Connection, vlans: Collection[VlanId]) -> None:
    """Note that the two servers of these VLANs have met; nobody needs a newer plan for that."""
    if vlans:
        connection.execute(
            text("UPDATE dhcp_service SET met = true WHERE vlan_id = ANY(:vlans) AND NOT met"),
            {"vlans": sorted(vlans)},
        )
        note_served(connection, vlans)


def write_hurry(connection: Connection, vlan: VlanId) -> None:
    """Let the newest change of a VLAN wait for nobody who is away."""
    connection.execute(
        text("UPDATE dhcp_service SET hurries = true WHERE vlan_id = :vlan AND NOT hurries"),
        {"vlan": vlan},
    )


def end_hurries(connection: Connection, vlans: Collection[VlanId]) -> None:
    """Let later changes of these VLANs wait as usual."""
    if vlans:
        connection.execute(
            text("UPDATE dhcp_service SET hurries = false WHERE vlan_id = ANY(:vlans)"),
            {"vlans": sorted(vlans)},
        )


def touch_servers(connection: Connection, vlan: VlanId, number: FleetNumber) -> None:
    """Let every rack that has this VLAN in its file get a newer plan."""
    values = {"vlan": vlan, "era": number.era, "generation": number.generation}
    connection.execute(
        text("UPDATE dhcp_service SET era = :era, generation = :generation WHERE vlan_id = :vlan"),
        values,
    )
    connection.execute(
        text(
            "UPDATE managing SET era = :era, generation = :generation FROM dhcp_service s "
            "WHERE s.vlan_id = :vlan AND rack_id IN (s.primary_rack, s.secondary_rack)"
        ),
        values,
    )


def write_turns(
    connection: Connection,
    turns: Mapping[RackId, str],
    withdrawn: Iterable[RackId],
    after: Mapping[RackId, RackId] | None = None,
) -> None:
    """Let these racks restart their servers for these plans, and these no more.

    A turn that is given `after` another rack's is open only while that one leaves its role to it.
    """
    for rack, turn in {**dict.fromkeys(withdrawn, ""), **turns}.items():
        first = None if after is None else after.get(rack)
        connection.execute(
            text(
                "UPDATE rack_dhcp SET turn = :turn, turn_after = :after, "
                "turn_at = CASE WHEN :turn = '' THEN turn_at ELSE clock_timestamp() END "
                "WHERE rack_id = :rack"
            ),
            {"rack": rack, "turn": turn, "after": first},
        )


def _as_jsonb_holds_it(form: Any) -> Any:
    """Replace what JSON can say and PostgreSQL cannot hold: NUL, and halves of characters."""
    if isinstance(form, str):
        return re.sub("[\0\ud800-\udfff]", "\ufffd", form)
    if isinstance(form, list):
        return [_as_jsonb_holds_it(each) for each in form]
    if isinstance(form, dict):
        return {name: _as_jsonb_holds_it(each) for name, each in form.items()}
    return form


def _report_in(form: Any) -> DhcpReport:
    """Read a report; what a process of another version wrote counts as none, until it is told."""
    try:
        return from_json(form, DhcpReport)
    except ValueError:
        return NOTHING_SERVED


def _rack_or_none(rack: str | None) -> RackId | None:
    return None if rack is None else RackId(rack)


def _server(rack: str, address: str) -> Server:
    return Server(rack=RackId(rack), address=IPv4Address(address))
