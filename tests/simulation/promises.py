"""What a world must come to once it has been calm for a while."""

from evenrack.balance.managing import decide_managing
from evenrack.balance.policy import MANAGING
from evenrack.region.database.fleet_cache import read_fleet


def settled(server, fleet):
    """Give everything that is not as it should be after a time of calm."""
    seen = server.transaction(read_fleet)
    wrong = []
    if seen.leadership.holder not in seen.live:
        wrong.append(f"nobody leads: {seen.leadership.holder}")
    missing = sorted(set(fleet.processes) - set(seen.live))
    if missing:
        wrong.append(f"not running by the tables: {missing}")
    wrong += _links_are_sockets(seen, fleet)
    wrong += [line for name in fleet.racks for line in _rack_is_served(seen, fleet, name)]
    wrong += _vlans_are_served(seen, fleet)
    loads = sorted(seen.managed.values())
    if loads and loads[-1] >= MANAGING.need(loads[0]):
        wrong.append(f"uneven: {dict(seen.managed)}")
    again = decide_managing(seen, MANAGING, waiting=(), voluntary=True)
    if again:
        wrong.append(f"a second decision moves {again}")
    return wrong


def _links_are_sockets(seen, fleet):
    rows = {}
    for link in seen.links:
        rows.setdefault(link.process, set()).add(link.id)
    held_by_racks = {}
    for name in fleet.racks:
        for session in fleet.running[name].service.connections.sessions():
            held_by_racks.setdefault(session.process, set()).add(session.link)
    for name in fleet.processes:
        sockets = {link.link for link in fleet.running[name].service.connected.all_links()}
        if rows.get(name, set()) != sockets or held_by_racks.get(name, set()) != sockets:
            yield (
                f"{name}: {len(rows.get(name, ()))} rows, {len(sockets)} sockets, "
                f"{len(held_by_racks.get(name, ()))} held by racks"
            )


def _rack_is_served(seen, fleet, name):
    service = fleet.running[name].service
    rack = service.rack
    manager = seen.manager_of(rack)
    if manager is None:
        yield f"{name} has no live manager: {seen.managing.get(rack)}, reach {seen.reach.get(rack)}"
        return
    if len(seen.reach[rack]) != len(fleet.processes):
        yield f"{name} is connected to {seen.reach[rack]} only"
    plan = service.newest.plan
    if plan is None or plan.number != seen.managing[rack].number or plan.managed_by != manager:
        yield f"{name} follows {plan} instead of {seen.managing[rack]}"
    if service.lease.manager != manager:
        yield f"{name} has a lease from {service.lease.manager}, its manager is {manager}"


def _vlans_are_served(seen, fleet):
    """Each VLAN has two different racks that are on it."""
    for vlan, attached in seen.attached.items():
        pair = seen.pairs.get(vlan)
        if pair is None or len(set(pair.racks)) < 2 or not set(pair.racks) <= set(attached):
            yield f"VLAN {vlan} with racks {sorted(attached)} has {pair}"
    if len(seen.vlans) < len(fleet.network.vlans):
        yield f"only {len(seen.vlans)} VLANs are left"
