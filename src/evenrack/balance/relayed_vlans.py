"""In whose files the VLANs stand that another one relays: pure.

A relayed VLAN has no racks of its own: it is served by the pair of the one that relays it. It goes
there, and away from there, only when nobody else serves it any more by what every rack last said.
A rack that is lost counts too, since its DHCP server may live: two servers that know nothing of
each other must never give away one range.
"""

from collections.abc import Collection, Mapping

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId


def decide_relayed(
    fleet: Fleet, services: Collection[VlanId] = ()
) -> Mapping[VlanId, VlanId | None]:
    """Give the VLANs whose place changes, each with the VLAN in whose files it is to stand.

    None: in nobody's; it goes from one to another by way of that. `services` are the VLANs that get
    racks of their own, or lose them, in this very step.
    """
    changes: dict[VlanId, VlanId | None] = {}
    for vlan in sorted(fleet.relayed.keys() | fleet.vlans.keys()):
        now, wanted = fleet.relayed.get(vlan), _wanted(fleet, vlan)
        if wanted == now:
            continue
        if now is not None:
            changes[vlan] = None
        elif vlan not in services and _is_free(fleet, vlan):
            changes[vlan] = wanted
    return changes


def who_serves(fleet: Fleet, vlan: VlanId) -> tuple[RackId, ...]:
    """Give the racks that, when they were last heard of, served a VLAN in any way."""
    return tuple(
        rack
        for rack in sorted(fleet.dhcp_reports)
        if fleet.dhcp_side(rack, vlan) is not None or _serves_for_another(fleet, rack, vlan)
    )


def is_served_for_another(fleet: Fleet, vlan: VlanId) -> bool:
    """Tell whether the racks of another VLAN serve this one, or when last heard of did."""
    racks = fleet.dhcp_reports
    return vlan in fleet.relayed or any(_serves_for_another(fleet, rack, vlan) for rack in racks)


def _is_free(fleet: Fleet, vlan: VlanId) -> bool:
    """Tell whether nobody serves a VLAN, nor may just be beginning to."""
    return not (
        vlan in fleet.services
        or who_serves(fleet, vlan)
        or any(_restarts(fleet, rack) for rack in fleet.attached[vlan])
    )


def _restarts(fleet: Fleet, rack: RackId) -> bool:
    """Tell whether a rack has its turn for what it waited for when it was last heard of."""
    waiting = fleet.dhcp_report(rack).waiting
    return bool(waiting) and fleet.turns.get(rack) == waiting


def _wanted(fleet: Fleet, vlan: VlanId) -> VlanId | None:
    known = fleet.vlans.get(vlan)
    if known is None or known.relay_vlan is None or not known.dhcp_on:
        return None
    by = fleet.vlans.get(known.relay_vlan)
    return by.id if by is not None and by.has_racks else None


def _serves_for_another(fleet: Fleet, rack: RackId, vlan: VlanId) -> bool:
    return any(vlan in side.relayed for side in fleet.dhcp_report(rack).vlans)
