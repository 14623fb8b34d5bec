"""Rows of `dhcp_pin`: the racks that an operator named for the roles of a VLAN."""

from sqlalchemy import Connection, select, text

from evenrack.model.dhcp_roles import Pins
from evenrack.model.identifiers import RackId, VlanId
from evenrack.region.database.dhcp_tables import dhcp_pin
from evenrack.region.database.fleet_keys import Wanted, named


def read_pins(connection: Connection, of: Wanted[VlanId] = None) -> dict[VlanId, Pins]:
    """Give the racks that were named, for these VLANs only if any are named."""
    rows = connection.execute(
        select(dhcp_pin).where(*named(dhcp_pin.c.vlan_id, of)).order_by(dhcp_pin.c.vlan_id)
    )
    return {
        VlanId(row.vlan_id): Pins(
            primary=_rack(row.primary_rack), secondary=_rack(row.secondary_rack)
        )
        for row in rows
    }


def write_pins(connection: Connection, vlan: VlanId, pins: Pins) -> None:
    """Name the racks of a VLAN in place of those that were named before."""
    if pins == Pins():
        connection.execute(text("DELETE FROM dhcp_pin WHERE vlan_id = :vlan"), {"vlan": vlan})
        return
    connection.execute(
        text(
            "INSERT INTO dhcp_pin (vlan_id, primary_rack, secondary_rack) "
            "VALUES (:vlan, :primary, :secondary) ON CONFLICT (vlan_id) DO UPDATE SET "
            "primary_rack = excluded.primary_rack, secondary_rack = excluded.secondary_rack"
        ),
        {"vlan": vlan, "primary": pins.primary, "secondary": pins.secondary},
    )


def _rack(value: str | None) -> RackId | None:
    return None if value is None else RackId(value)
