"""Which racks reach which BMCs, and which rack is to carry out the orders of each."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, text

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, RackId
from evenrack.model.power import BmcReach
from evenrack.region.database.fleet_keys import Wanted, named
from evenrack.region.database.notify import notify
from evenrack.region.database.tables import bmc_owner, bmc_reach


def read_reach(connection: Connection, of: Wanted[BmcId] = None) -> dict[BmcId, tuple[RackId, ...]]:
    """Give the racks that each BMC answers, as they said; of these BMCs only if any are named."""
    found: dict[BmcId, tuple[RackId, ...]] = {}
    rows = connection.execute(
        select(bmc_reach)
        .where(*named(bmc_reach.c.bmc_id, of))
        .order_by(bmc_reach.c.bmc_id, bmc_reach.c.rack_id)
    )
    for row in rows:
        bmc = BmcId(row.bmc_id)
        found[bmc] = (*found.get(bmc, ()), RackId(row.rack_id))
    return found


def read_owners(connection: Connection, of: Wanted[BmcId] = None) -> dict[BmcId, RackId]:
    """Give the owner of each BMC, of these only if any are named."""
    rows = connection.execute(
        select(bmc_owner.c.bmc_id, bmc_owner.c.rack_id)
        .where(*named(bmc_owner.c.bmc_id, of))
        .order_by(bmc_owner.c.bmc_id)
    )
    return {BmcId(row.bmc_id): RackId(row.rack_id) for row in rows}


def reach_and_owners(connection: Connection) -> dict[str, dict[str, Any]]:
    """Give each BMC's owner and the racks that it answers, by names, as programs see them."""
    rows = connection.execute(
        text(
            "SELECT b.name, o.hostname AS owner, array_remove(array_agg(r.hostname ORDER BY "
            "r.hostname), NULL) AS reach FROM bmc b "
            "LEFT JOIN bmc_owner bo ON bo.bmc_id = b.id LEFT JOIN rack o ON o.id = bo.rack_id "
            "LEFT JOIN bmc_reach br ON br.bmc_id = b.id LEFT JOIN rack r ON r.id = br.rack_id "
            "GROUP BY b.name, o.hostname"
        )
    )
    return {row.name: {"owner": row.owner, "reach": list(row.reach)} for row in rows}


def record_reach(connection: Connection, rack: RackId, reach: BmcReach) -> None:
    """Note which BMCs answer a rack: these, and no others but what is not known anew yet."""
    gone = connection.execute(
        text("DELETE FROM bmc_reach WHERE rack_id = :rack AND bmc_id <> ALL(:kept)"),
        {"rack": rack, "kept": [*reach.answering, *reach.unknown]},
    )
    new = connection.execute(
        text(
            "INSERT INTO bmc_reach (bmc_id, rack_id) SELECT bmc.id, rack.id FROM bmc, rack "
            "WHERE bmc.id = ANY(:bmcs) AND rack.id = :rack ON CONFLICT DO NOTHING"
        ),
        {"rack": rack, "bmcs": list(reach.answering)},
    )
    if gone.rowcount or new.rowcount:
        notify(connection, "racks")


def write_owners(
    connection: Connection, owners: Mapping[BmcId, RackId | None], number: FleetNumber
) -> None:
    """Make these racks the owners under this number; None for nobody."""
    for bmc, rack in owners.items():
        if rack is None:
            connection.execute(text("DELETE FROM bmc_owner WHERE bmc_id = :bmc"), {"bmc": bmc})
            continue
        connection.execute(
            text(
                "INSERT INTO bmc_owner (bmc_id, rack_id, era, generation) "
                "SELECT id, :rack, :era, :generation FROM bmc WHERE id = :bmc "
                "ON CONFLICT (bmc_id) DO UPDATE SET rack_id = excluded.rack_id, "
                "era = excluded.era, generation = excluded.generation"
            ),
            {"bmc": bmc, "rack": rack, "era": number.era, "generation": number.generation},
        )
