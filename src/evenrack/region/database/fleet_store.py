"""Reads the rows that make up the fleet: each table as a whole, or some of its rows."""

from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, select, text

from evenrack.model.fleet import Managing, Rack, RegionProcess
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId, RegionId, RunId
from evenrack.model.links import Link
from evenrack.region.database.fleet_keys import Wanted, named
from evenrack.region.database.tables import connection as link_table
from evenrack.region.database.tables import managing, rack


def read_regions(connection: Connection) -> dict[RegionId, str]:
    """Give the region hosts with their host names."""
    rows = connection.execute(text("SELECT id, hostname FROM region ORDER BY id"))
    return {RegionId(row.id): row.hostname for row in rows}


def read_processes(connection: Connection) -> dict[ProcessId, RegionProcess]:
    """Give every region process, alive or not."""
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


def read_racks(connection: Connection, of: Wanted[RackId] = None) -> dict[RackId, Rack]:
    """Give the racks, these only if any are named; copies of them are not told of."""
    rows = connection.execute(select(rack).where(*named(rack.c.id, of)).order_by(rack.c.id))
    return {
        RackId(row.id): Rack(
            id=RackId(row.id),
            hostname=row.hostname,
            address=row.address,
            run=RunId(row.run),
            stopped=row.stopped,
            holds=FleetNumber(row.holds_era, row.holds_generation),
            holds_fingerprint=row.holds_fingerprint,
            failure_domain=row.failure_domain,
        )
        for row in rows
    }


def read_rack_addresses(connection: Connection) -> dict[RackId, str]:
    """Give where each rack said its last hello from, as host:port."""
    rows = connection.execute(text("SELECT id, address FROM rack ORDER BY id"))
    return {RackId(row.id): row.address for row in rows}


def read_clones(connection: Connection) -> dict[RackId, str]:
    """Give the racks of which a second daemon was refused within the last minute, and where."""
    rows = connection.execute(
        text(
            "SELECT id, clone_address FROM rack "
            "WHERE clone_at > clock_timestamp() - interval '60 s' AND clone_address IS NOT NULL"
        )
    )
    return {RackId(row.id): row.clone_address for row in rows}


def read_links(connection: Connection, of: Wanted[RackId] = None) -> dict[RackId, tuple[Link, ...]]:
    """Give the links that racks hold, of these racks only if any are named.

    Also those to processes, or incarnations of them, that do not run any more.
    """
    column = link_table.c
    rows = connection.execute(
        select(column.link, column.rack_id, column.process_id, column.incarnation)
        .where(column.rack_holds, *named(column.rack_id, of))
        .order_by(column.rack_id, column.process_id, column.link)
    )
    of_racks = groupby(map(Link._make, rows), key=attrgetter("rack"))
    return {rack: tuple(links) for rack, links in of_racks}


def read_managing(connection: Connection, of: Wanted[RackId] = None) -> dict[RackId, Managing]:
    """Give who manages the racks, these only if any are named."""
    rows = connection.execute(
        select(managing).where(*named(managing.c.rack_id, of)).order_by(managing.c.rack_id)
    )
    return {
        RackId(row.rack_id): Managing(
            process=ProcessId(row.process_id), number=FleetNumber(row.era, row.generation)
        )
        for row in rows
    }
