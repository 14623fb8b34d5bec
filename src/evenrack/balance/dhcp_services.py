"""Who has each VLAN in its configuration file: pure.

A VLAN is served by its designated primary alone first; failover begins when both racks are there
and the first one serves (`dhcp_turns` sees to it that both then restart together). Where the
designations of a pair swap, its roles do when both are there (`dhcp_swaps`). Who is lost stays in
the files until that is safe (`dhcp_replacing`): a dead rack daemon is not a dead DHCP server, and a
server that believes to be alone would give away the addresses of the other one's clients.
"""

from collections.abc import Collection, Mapping

from attrs import evolve

from evenrack.balance.dhcp_replacing import Replacing
from evenrack.balance.dhcp_swaps import RoleSwaps
from evenrack.balance.relayed_vlans import is_served_for_another
from evenrack.model.dhcp_roles import Pair, Server, Service
from evenrack.model.fleet import Fleet
from evenrack.model.halves import with_halves
from evenrack.model.identifiers import RackId, VlanId


def decide_services(
    fleet: Fleet, pairs: Mapping[VlanId, Pair | None], *, put_off: Collection[VlanId] = ()
) -> Mapping[VlanId, Service | None]:
    """Give the services that change, with the designations as they are now decided.

    `pairs` are the designations that just changed; None ends a service. In `put_off` an exchange
    of roles failed a while ago.
    """
    swaps = RoleSwaps(fleet, put_off)
    changes: dict[VlanId, Service | None] = {}
    for vlan in fleet.vlans:
        pair = pairs.get(vlan, fleet.pairs.get(vlan))
        now = fleet.services.get(vlan)
        if pair is not None and now is not None and _is_as_designated(fleet, vlan, pair, now):
            continue
        wanted = _wanted(fleet, vlan, pair, now, swaps)
        if wanted is None and now is not None:
            changes[vlan] = None
        elif wanted is not now and wanted is not None and not wanted.same_servers(now):
            changes[vlan] = wanted
    swaps.keep_out(changes.values())
    decided = {**changes, **_exchanged(fleet, pairs, changes, swaps)}
    return {vlan: _with_halves(fleet, pairs, vlan, it) for vlan, it in decided.items()}


def _with_halves(
    fleet: Fleet,
    pairs: Mapping[VlanId, Pair | None],
    vlan: VlanId,
    after: Service | None,
) -> Service | None:
    """Say whose half of the IPv6 ranges is which from now on."""
    if after is None:
        return None
    pair = pairs.get(vlan, fleet.pairs.get(vlan))
    becomes_pair = pair is not None and pair.secondary is not None
    has_ipv6 = fleet.to_be_served[vlan].has_ipv6
    now = fleet.services.get(vlan)
    return with_halves(now, after, has_ipv6=has_ipv6, becomes_pair=becomes_pair)


def _wanted(
    fleet: Fleet, vlan: VlanId, pair: Pair | None, now: Service | None, swaps: RoleSwaps
) -> Service | None:
    """Give who is to serve a VLAN, in the roles that they have."""
    if pair is None or _have_left(fleet, vlan, pair, now):
        return None
    if now is None:
        return None if _is_still_served(fleet, vlan) else _alone(fleet, vlan, pair.primary)
    if now.secondary is None:
        return _wanted_of_one(fleet, vlan, pair, now)
    left = None if now.met else _left_alone(fleet, vlan, now)
    if left is not None:
        return Service(primary=left)
    if vlan in swaps.under_way:
        return now
    replacing = Replacing(fleet=fleet, vlan=vlan, pair=pair, now=now, are_free=swaps.are_free)
    return replacing.decide() or _with_new_addresses(fleet, vlan, now)


def _is_as_designated(fleet: Fleet, vlan: VlanId, pair: Pair, now: Service) -> bool:
    """Tell whether both have met, are there, and where they were: mostly so, and nothing is due."""
    second = now.secondary
    if second is None or not now.met or now.leaving is not None:
        return False
    first, on_it = now.primary, fleet.attached[vlan]
    return (
        {first.rack, second.rack} == {pair.primary, pair.secondary}
        and fleet.is_connected(first.rack)
        and fleet.is_connected(second.rack)
        and on_it.get(first.rack) == first.address
        and on_it.get(second.rack) == second.address
    )


def _exchanged(
    fleet: Fleet,
    pairs: Mapping[VlanId, Pair | None],
    changes: Collection[VlanId],
    swaps: RoleSwaps,
) -> dict[VlanId, Service]:
    """Give the pairs whose roles change: never in one step with anything else of its racks."""
    found = {}
    for vlan, now in fleet.services.items():
        pair = pairs.get(vlan, fleet.pairs.get(vlan))
        if pair is None or vlan in changes or vlan not in fleet.vlans:
            continue
        wanted = swaps.begin(vlan, pair, now)
        if vlan in swaps.under_way:
            wanted = _gone_on(fleet, vlan, pair, now, swaps)
        if wanted is not None:
            found[vlan] = wanted
    return found


def _gone_on(
    fleet: Fleet, vlan: VlanId, pair: Pair, now: Service, swaps: RoleSwaps
) -> Service | None:
    """Give what becomes of an exchange that is under way; None while it goes on."""
    is_new = not _with_new_addresses(fleet, vlan, now).same_servers(now)
    if pair.primary == now.primary.rack and not is_new and swaps.can_go_on(vlan, now):
        return None
    left = swaps.call_off(vlan, now)
    return None if left is now else _with_new_addresses(fleet, vlan, left)


def _wanted_of_one(fleet: Fleet, vlan: VlanId, pair: Pair, now: Service) -> Service:
    """Make it a pair when the second rack is there and the first one serves."""
    first = now.primary.rack
    second = next((rack for rack in pair.racks if rack != first), None)
    if (
        second is None
        or first not in pair.racks
        or not (fleet.is_connected(first) and fleet.is_connected(second))
        or fleet.dhcp_side(first, vlan) is None
    ):
        return _with_new_addresses(fleet, vlan, now)
    address = fleet.attached[vlan].get(second)
    if address is None:
        return now
    newcomer = Server(rack=second, address=address)
    if pair.primary == first:
        return Service(primary=now.primary, secondary=newcomer, met=False)
    return Service(primary=newcomer, secondary=now.primary, met=False)


def _alone(fleet: Fleet, vlan: VlanId, rack: RackId) -> Service | None:
    address = fleet.attached[vlan].get(rack)
    return None if address is None else Service(primary=Server(rack=rack, address=address))


def _have_left(fleet: Fleet, vlan: VlanId, pair: Pair, now: Service | None) -> bool:
    """Tell whether nobody in the files has an address on the VLAN, and others are designated.

    They begin anew when these have stopped: nobody can get the leases from them any more.
    """
    racks = () if now is None else now.racks
    on_it = fleet.attached[vlan]
    return bool(racks) and pair.primary not in racks and not any(r in on_it for r in racks)


def _is_still_served(fleet: Fleet, vlan: VlanId) -> bool:
    """Tell whether a rack has not yet stopped what was turned off, or relayed, before.

    A server that begins beside one that had the pair before would be no equal: it would wait for
    a whole MCLT (one hour) before it serves.
    """
    return is_served_for_another(fleet, vlan) or any(
        fleet.is_connected(rack) and fleet.dhcp_side(rack, vlan) is not None
        for rack in fleet.dhcp_reports
    )


def _left_alone(fleet: Fleet, vlan: VlanId, now: Service) -> Server | None:
    """Give the one that served before and goes on alone, where the other was lost before they met.

    It serves still, or it has restarted for the pair and waits in `recover` for a partner that
    never did. The newcomer never serves alone: it has no lease, and the dhcpd of the one that is
    lost may still answer.
    """
    for server in now.servers:
        other = next(each for each in now.servers if each is not server)
        report = fleet.dhcp_side(server.rack, vlan)
        if report is None or not fleet.is_connected(server.rack) or fleet.is_connected(other.rack):
            continue
        waits_in_vain = report.state == "recover" and fleet.dhcp_side(other.rack, vlan) is None
        if report.peer is None or waits_in_vain:
            return server
    return None


def decide_met(fleet: Fleet) -> tuple[VlanId, ...]:
    """Give the VLANs whose two servers have met just now."""
    return tuple(
        vlan
        for vlan, service in sorted(fleet.services.items())
        if not service.met and all(_has_met(fleet, vlan, service, rack) for rack in service.racks)
    )


def _has_met(fleet: Fleet, vlan: VlanId, service: Service, rack: RackId) -> bool:
    report, peer = fleet.dhcp_side(rack, vlan), service.peer_of(rack)
    return (
        report is not None
        and peer is not None
        and fleet.is_connected(rack)
        and (report.peer, report.state) == (peer.rack, "normal")
    )


def _with_new_addresses(fleet: Fleet, vlan: VlanId, now: Service) -> Service:
    """Follow a rack whose address on the VLAN changed; one that has none there keeps the old."""
    on_it = fleet.attached[vlan]
    if all(on_it.get(it.rack, it.address) == it.address for it in now.servers):
        return now  # mostly so

    def moved(server: Server) -> Server:
        return Server(rack=server.rack, address=on_it.get(server.rack, server.address))

    return evolve(
        now,
        primary=moved(now.primary),
        secondary=None if now.secondary is None else moved(now.secondary),
    )
