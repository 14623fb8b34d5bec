"""Which racks may restart their DHCP server now, so that no VLAN is without one: pure.

A rack that has checked a new configuration waits for its turn. Of two racks that share a pair
only one restarts at a time, and the next one when all is normal again. Where failover begins, both
exchange their files in one step: one after the other would never come to `normal` in between.
"""

from collections.abc import Collection, Mapping

from attrs import frozen

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_report import VlanReport
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId


@frozen(kw_only=True)
class Patience:
    """What the leader's clock says of the racks."""

    expired: Collection[RackId] = ()
    """Racks that had their turn for so long that it counts as over."""
    overdue: Collection[RackId] = ()
    """Racks that have waited so long, with a peer away, that they need not wait for it."""


def decide_turns(fleet: Fleet, patience: Patience) -> Mapping[RackId, str]:
    """Give the turns to grant now: rack to the fingerprint of the DHCP plan that it may apply."""
    waiting = _waiting(fleet)
    granted: dict[RackId, str] = {}
    for rack in waiting:
        if rack in granted:
            continue
        group = _together(fleet, rack)
        if _may_go(fleet, group, waiting, patience, granted):
            granted.update({member: waiting[member] for member in group})
    return {rack: turn for rack, turn in granted.items() if fleet.turns.get(rack) != turn}


def decide_withdrawals(fleet: Fleet, patience: Patience) -> tuple[RackId, ...]:
    """Give the racks that did not use their turn in time: a late restart could meet another's."""
    return tuple(
        rack
        for rack in sorted(patience.expired)
        if fleet.turns.get(rack) and fleet.dhcp_report(rack).waiting == fleet.turns[rack]
    )


def is_busy(fleet: Fleet, rack: RackId) -> bool:
    """Tell whether a rack has its turn and is not through with it: restarted, and all normal.

    A turn for a plan that the rack neither waits with nor has applied is over: it has a newer one.
    """
    turn = fleet.turns.get(rack, "")
    if not turn or not fleet.is_connected(rack):
        return False
    report = fleet.dhcp_report(rack)
    return report.waiting == turn or (report.applied == turn and not _is_settled(fleet, rack))


def _waiting(fleet: Fleet) -> dict[RackId, str]:
    """Give the racks that wait with their newest plan checked."""
    found = {}
    for rack in sorted(fleet.dhcp_reports):
        report = fleet.dhcp_reports[rack]
        if not report.waiting or report.waiting == report.applied or not fleet.is_connected(rack):
            continue
        if report.waiting == dhcp_fingerprint(dhcp_plan_for(fleet, rack)):
            found[rack] = report.waiting
    return found


def _together(fleet: Fleet, rack: RackId) -> list[RackId]:
    """Give the racks that have to restart in one step with this one, itself first."""
    group = [rack]
    for member in group:  # grows while it is walked
        group += [
            peer
            for vlan, peer in _wanted_peers(fleet, member).items()
            if peer not in group
            and not _has_applied(fleet, vlan, member)
            and not _has_applied(fleet, vlan, peer)
        ]
    return group


def _may_go(
    fleet: Fleet,
    group: Collection[RackId],
    waiting: Collection[RackId],
    patience: Patience,
    granted: Collection[RackId],
) -> bool:
    if not all(member in waiting for member in group):
        return False
    if any(_is_refused(fleet, member) for member in group if len(group) > 1):
        return False
    if any(fleet.dhcp_report(member).failed for member in group):
        return False  # it would only be restarted in vain; the rack lets it be tried again
    neighbours = {n for member in group for n in _neighbours(fleet, member)} - set(group)
    under_way = [
        rack
        for rack in (*neighbours, *group)
        if rack in granted or (is_busy(fleet, rack) and rack not in patience.expired)
    ]
    if under_way:
        return False
    return all(
        member in patience.overdue
        or not fleet.dhcp_report(member).running
        or _is_settled(fleet, member)
        for member in group
    )


def _is_refused(fleet: Fleet, rack: RackId) -> bool:
    """Tell whether one of the rack's VLANs cannot be applied: its peer would wait for it."""
    return bool(fleet.dhcp_report(rack).errors)


def _is_settled(fleet: Fleet, rack: RackId) -> bool:
    """Tell whether every pair that the rack serves now, and is to go on serving, is normal."""
    report = fleet.dhcp_report(rack)
    return report.running and all(
        vlan.state == "normal" for vlan in report.vlans if _goes_on(fleet, rack, vlan)
    )


def _goes_on(fleet: Fleet, rack: RackId, report: VlanReport) -> bool:
    """Tell whether what the rack serves there is a pair that stays one."""
    service = fleet.services.get(report.vlan)
    return (
        report.peer is not None
        and service is not None
        and set(service.racks)
        == {
            rack,
            report.peer,
        }
    )


def _wanted_peers(fleet: Fleet, rack: RackId) -> dict[VlanId, RackId]:
    """Give the peer that the rack is to have on each VLAN that is to have two."""
    return {
        vlan: peer.rack
        for vlan, service in fleet.services.items()
        if rack in service.racks and (peer := service.peer_of(rack)) is not None
    }


def _has_applied(fleet: Fleet, vlan: VlanId, rack: RackId) -> bool:
    """Tell whether the rack's server has this pair in its file: in its role, at its addresses."""
    service = fleet.services[vlan]
    peer, own = service.peer_of(rack), service.own(rack)
    return peer is not None and any(
        report.vlan == vlan
        and report.peer == peer.rack
        and report.role == service.role_of(rack)
        and report.address in {None, own.address}
        and report.peer_address in {None, peer.address}
        for report in fleet.dhcp_report(rack).vlans
    )


def _neighbours(fleet: Fleet, rack: RackId) -> set[RackId]:
    """Give every rack that this one shares a pair with, as it serves now or is to serve."""
    served = {report.peer for report in fleet.dhcp_report(rack).vlans if report.peer is not None}
    return served | set(_wanted_peers(fleet, rack).values())
