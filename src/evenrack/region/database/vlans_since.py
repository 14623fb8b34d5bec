"""Brings VLANs up to date that were read before: of reservations only what was written since."""

from collections.abc import Mapping

from sqlalchemy import Connection

from evenrack.model.identifiers import VlanId
from evenrack.model.network import Vlan
from evenrack.region.database.changes import Mark
from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.reservation_reading import BySubnet, reservations_since


def read_vlans_since(
    connection: Connection, known: Mapping[VlanId, Vlan], mark: Mark
) -> Mapping[VlanId, Vlan]:
    """Give what `read_vlans` gives, from what it gave at this mark, in one and the same database.

    VLANs that did not change are the same objects as before.
    """
    nets = (net for vlan in known.values() for net in vlan.subnets)
    before: BySubnet = {int(net.id): net.reservations for net in nets}
    reservations = reservations_since(connection, before, mark.oldest)
    vlans = read_vlans(connection, reservations=reservations)
    return {
        number: known[number] if known.get(number) == vlan else vlan
        for number, vlan in vlans.items()
    }
