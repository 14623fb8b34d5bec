"""Reads the whole fleet in one transaction."""

from sqlalchemy import Connection, text

from evenrack.model.fleet import Fleet, Link, Managing, Rack, RegionProcess
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import LinkId, ProcessId, RackId, RegionId, RunId
from evenrack.region.database.balance_store import read_breaker, read_drains, read_hold
from evenrack.region.database.bmc_facts import read_owners, read_reach
from evenrack.region.database.bmc_reading import read_bmcs
from evenrack.region.database.dhcp_store import (
    read_interfaces,
    read_pairs,
    read_reports,
    read_services,
)
from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.leader_store import read_leadership


def read_fleet(connection: Connection) -> Fleet:
    """Give everything that decisions are made from; call inside `Database.read`."""
    reports, turns = read_reports(connection)
    return Fleet(
        leadership=read_leadership(connection),
        regions={
            RegionId(row.id): row.hostname
            for row in connection.execute(text("SELECT id, hostname FROM region ORDER BY id"))
        },
        processes=_processes(connection),
        racks=_racks(connection),
        links=_links(connection),
        managing=_managing(connection),
        open_problems={
            (row.code, row.object): row.at
            for row in connection.execute(text("SELECT code, object, at FROM problem"))
        },
        vlans=read_vlans(connection),
        interfaces=read_interfaces(connection),
        pairs=read_pairs(connection),
        services=read_services(connection),
        dhcp_reports=reports,
        turns=turns,
        bmcs=read_bmcs(connection),
        answered=read_reach(connection),
        bmc_owners=read_owners(connection),
        hold=read_hold(connection),
        drains=read_drains(connection),
        breaker=read_breaker(connection),
    )


def read_managed(connection: Connection, process: ProcessId) -> Fleet:
    """Give the fleet as far as one process's plans need it: the racks that it manages."""
    return Fleet(
        leadership=read_leadership(connection),
        racks=_racks(connection, managed_by=process),
        managing=_managing(connection, managed_by=process),
        vlans=read_vlans(connection),
        interfaces=read_interfaces(connection),
        services=read_services(connection),
        bmcs=read_bmcs(connection),
    )


def _processes(connection: Connection) -> dict[ProcessId, RegionProcess]:
    rows = connection.execute(
        text(
            "SELECT id, region_id, incarnation, pid, state, leaving = incarnation AS leaving, "
            "clock_ahead FROM process ORDER BY id"
        )
    )
    return {
        ProcessId(row.id): RegionProcess(
            id=ProcessId(row.id),
            region=RegionId(row.region_id),
            incarnation=row.incarnation,
            pid=row.pid,
            state=row.state,
            leaving=row.leaving and row.state == "running",
            clock_ahead=row.clock_ahead,
        )
        for row in rows
    }


def _racks(connection: Connection, *, managed_by: ProcessId | None = None) -> dict[RackId, Rack]:
    rows = connection.execute(
        text(
            "SELECT id, hostname, address, run, stopped, holds_era, holds_generation, "
            "holds_fingerprint, CASE WHEN clone_at > clock_timestamp() - interval '60 s' "
            "THEN clone_address END AS clone_address FROM rack "
            "WHERE CAST(:process AS text) IS NULL "
            "OR id IN (SELECT rack_id FROM managing WHERE process_id = :process) ORDER BY id"
        ),
        {"process": managed_by},
    )
    return {
        RackId(row.id): Rack(
            id=RackId(row.id),
            hostname=row.hostname,
            address=row.address,
            run=RunId(row.run),
            stopped=row.stopped,
            holds=FleetNumber(row.holds_era, row.holds_generation),
            holds_fingerprint=row.holds_fingerprint,
            clone_address=row.clone_address,
        )
        for row in rows
    }


def _links(connection: Connection) -> tuple[Link, ...]:
    rows = connection.execute(
        text(
            "SELECT c.link, c.rack_id, c.process_id FROM connection c "
            "JOIN process p ON p.id = c.process_id AND p.incarnation = c.incarnation "
            "WHERE p.state = 'running' AND c.rack_holds ORDER BY c.rack_id, c.process_id, c.link"
        )
    )
    return tuple(
        Link(id=LinkId(row.link), rack=RackId(row.rack_id), process=ProcessId(row.process_id))
        for row in rows
    )


def _managing(
    connection: Connection, *, managed_by: ProcessId | None = None
) -> dict[RackId, Managing]:
    rows = connection.execute(
        text(
            "SELECT rack_id, process_id, era, generation FROM managing "
            "WHERE CAST(:process AS text) IS NULL OR process_id = :process ORDER BY rack_id"
        ),
        {"process": managed_by},
    )
    return {
        RackId(row.rack_id): Managing(
            process=ProcessId(row.process_id), number=FleetNumber(row.era, row.generation)
        )
        for row in rows
    }
