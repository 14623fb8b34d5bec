"""Who has each VLAN in its configuration file: pure.

A VLAN is served by its designated primary alone first; failover begins when both racks are there
and the first one serves (`dhcp_turns` sees to it that both then restart together). Who is lost
stays in the files: a dead rack daemon is not a dead DHCP server, and a server that believes to be
alone would give away the addresses of the other one's clients.
"""

from collections.abc import Mapping

from evenrack.model.dhcp_report import VlanReport
from evenrack.model.dhcp_roles import Pair, Server, Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId


def decide_services(
    fleet: Fleet, pairs: Mapping[VlanId, Pair | None]
) -> Mapping[VlanId, Service | None]:
    """Give the services that change, with the designations as they are now decided.

    `pairs` are the designations that just changed; None ends a service.
    """
    changes: dict[VlanId, Service | None] = {}
    for vlan in fleet.vlans:
        pair = pairs.get(vlan, fleet.pairs.get(vlan))
        now = fleet.services.get(vlan)
        wanted = _wanted(fleet, vlan, pair, now)
        if wanted is None and now is not None:
            changes[vlan] = None
        elif wanted is not None and not wanted.same_servers(now):
            changes[vlan] = wanted
    return changes


def _wanted(fleet: Fleet, vlan: VlanId, pair: Pair | None, now: Service | None) -> Service | None:
    if pair is None:
        return None
    if now is None:
        return None if _is_still_served(fleet, vlan) else _alone(fleet, vlan, pair.primary)
    if now.secondary is None:
        return _wanted_of_one(fleet, vlan, pair, now)
    if not fleet.is_connected(now.secondary.rack) and not _ever_paired(fleet, vlan, now):
        return Service(primary=now.primary)  # it never came so far: the first goes on alone
    return _with_new_addresses(fleet, vlan, now)


def _wanted_of_one(fleet: Fleet, vlan: VlanId, pair: Pair, now: Service) -> Service:
    """Make it a pair when the second rack is there and the first one serves."""
    first = now.primary.rack
    second = next((rack for rack in pair.racks if rack != first), None)
    if (
        second is None
        or first not in pair.racks
        or not (fleet.is_connected(first) and fleet.is_connected(second))
        or _report(fleet, first, vlan) is None
    ):
        return _with_new_addresses(fleet, vlan, now)
    address = fleet.attached[vlan].get(second)
    if address is None:
        return now
    newcomer = Server(rack=second, address=address)
    if pair.primary == first:
        return Service(primary=now.primary, secondary=newcomer)
    return Service(primary=newcomer, secondary=now.primary)


def _alone(fleet: Fleet, vlan: VlanId, rack: RackId) -> Service | None:
    address = fleet.attached[vlan].get(rack)
    return None if address is None else Service(primary=Server(rack=rack, address=address))


def _is_still_served(fleet: Fleet, vlan: VlanId) -> bool:
    """Tell whether a rack has not yet stopped what was turned off before.

    A server that begins beside one that had the pair before would be no equal: it would wait for
    a whole MCLT (one hour) before it serves.
    """
    return any(
        fleet.is_connected(rack) and _report(fleet, rack, vlan) is not None
        for rack in fleet.dhcp_reports
    )


def _ever_paired(fleet: Fleet, vlan: VlanId, now: Service) -> bool:
    """Tell whether one of the two may have the pair in the file of a running server."""
    reports = [_report(fleet, rack, vlan) for rack in now.racks]
    return any(report is not None and report.peer is not None for report in reports)


def _with_new_addresses(fleet: Fleet, vlan: VlanId, now: Service) -> Service:
    """Follow a rack whose address on the VLAN changed; one that has none there keeps the old."""

    def moved(server: Server) -> Server:
        address = fleet.attached[vlan].get(server.rack, server.address)
        return Server(rack=server.rack, address=address)

    return Service(
        primary=moved(now.primary),
        secondary=None if now.secondary is None else moved(now.secondary),
    )


def _report(fleet: Fleet, rack: RackId, vlan: VlanId) -> VlanReport | None:
    """Give what the rack says of this VLAN; None while it does not serve it."""
    reports = fleet.dhcp_report(rack).vlans
    return next((report for report in reports if report.vlan == vlan), None)
