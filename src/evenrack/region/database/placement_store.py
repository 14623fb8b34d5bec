"""Rows of `rack_interface_vlan`: which VLAN an operator says that an interface is on."""

from ipaddress import IPv4Interface

from sqlalchemy import Connection, select, text

from evenrack.model.attachment import Placements
from evenrack.model.identifiers import RackId, VlanId
from evenrack.region.database.dhcp_tables import rack_interface_vlan
from evenrack.region.database.fleet_keys import Wanted, named
from evenrack.region.database.tables import rack_interface


def read_placements(connection: Connection, of: Wanted[RackId] = None) -> dict[RackId, Placements]:
    """Give the addresses of these interfaces, of these racks only if any are named."""
    said, told = rack_interface_vlan.c, rack_interface.c
    rows = connection.execute(
        select(told.rack_id, told.address, said.vlan_id)
        .where(told.rack_id == said.rack_id, told.name == said.name, *named(told.rack_id, of))
        .order_by(told.rack_id, told.address)
    )
    found: dict[RackId, dict[IPv4Interface, VlanId | None]] = {}
    for row in rows:
        of_rack = found.setdefault(RackId(row.rack_id), {})
        of_rack[IPv4Interface(row.address)] = None if row.vlan_id is None else VlanId(row.vlan_id)
    return dict(found)


def place_interface(connection: Connection, rack: RackId, name: str, vlan: VlanId | None) -> None:
    """Say which VLAN an interface is on, or with None that it is on none."""
    connection.execute(
        text(
            "INSERT INTO rack_interface_vlan (rack_id, name, vlan_id) VALUES (:rack, :name, :vlan) "
            "ON CONFLICT (rack_id, name) DO UPDATE SET vlan_id = excluded.vlan_id"
        ),
        {"rack": rack, "name": name, "vlan": vlan},
    )


def leave_to_addresses(connection: Connection, rack: RackId, name: str) -> None:
    """Let the addresses of an interface say again which VLAN it is on."""
    connection.execute(
        text("DELETE FROM rack_interface_vlan WHERE rack_id = :rack AND name = :name"),
        {"rack": rack, "name": name},
    )
