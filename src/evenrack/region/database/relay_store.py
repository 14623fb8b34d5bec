"""Rows of `dhcp_relayed`: which VLANs stand in the files of the servers of another one."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select, text

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.region.database.dhcp_store import touch_servers
from evenrack.region.database.dhcp_tables import dhcp_relayed
from evenrack.region.database.fleet_keys import Wanted, named


def read_relayed(connection: Connection, of: Wanted[VlanId] = None) -> dict[VlanId, VlanId]:
    """Give in whose files each stands, of these VLANs only if any are named."""
    rows = connection.execute(
        select(dhcp_relayed)
        .where(*named(dhcp_relayed.c.vlan_id, of))
        .order_by(dhcp_relayed.c.vlan_id)
    )
    return {VlanId(row.vlan_id): VlanId(row.by_vlan) for row in rows}


def read_relaying(connection: Connection, vlans: Collection[VlanId]) -> set[VlanId]:
    """Give the VLANs whose servers have any of these in their files."""
    rows = connection.execute(
        text("SELECT DISTINCT by_vlan FROM dhcp_relayed WHERE vlan_id = ANY(:vlans)"),
        {"vlans": sorted(vlans)},
    )
    return {VlanId(by) for by in rows.scalars()}


def write_relayed(
    connection: Connection, relayed: Mapping[VlanId, VlanId | None], number: FleetNumber
) -> None:
    """Put VLANs into the files of others, or out of them (None); their racks get newer plans.

    One that is gone by now is left out.
    """
    for vlan, by in relayed.items():
        before = read_relaying(connection, [vlan])
        connection.execute(text("DELETE FROM dhcp_relayed WHERE vlan_id = :vlan"), {"vlan": vlan})
        if by is not None:
            connection.execute(
                text(
                    "INSERT INTO dhcp_relayed (vlan_id, by_vlan) SELECT vlan.id, other.id "
                    "FROM vlan, vlan other WHERE vlan.id = :vlan AND other.id = :by"
                ),
                {"vlan": vlan, "by": by},
            )
        for touched in sorted(before | read_relaying(connection, [vlan])):
            touch_servers(connection, touched, number)
