"""What must hold in a world: always, and once it has been calm for a while."""

from sqlalchemy import text

from evenrack.balance.managing import decide_managing
from evenrack.balance.policy import MANAGING
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.fleet_store import read_fleet

LEASE_WITHOUT_BEAT_SECONDS = 2.0


class Safety:
    """Looks at every commit and four times a second at every program."""

    def __init__(self, world, server, fleet):
        self.world = world
        self.server = server
        self.fleet = fleet
        self.moves = 0
        self.moved = []
        self._number = FleetNumber(0, 0)
        self._managing = {}
        self._managed_until = {}
        self._held = {}
        server.committed.append(self._committed)
        world.at(0.25, self._look)

    def _committed(self, by):
        with self.server.engine.connect() as connection:
            row = connection.execute(
                text("SELECT era, generation, holder_id FROM leadership")
            ).one()
            managing = {
                rack: (process, state)
                for rack, process, state in connection.execute(
                    text(
                        "SELECT m.rack_id, m.process_id, p.state FROM managing m "
                        "JOIN process p ON p.id = m.process_id"
                    )
                )
            }
            connection.rollback()
        self._numbers_only_grow(FleetNumber(row.era, row.generation))
        changed = {
            rack: now
            for rack, now in managing.items()
            if self._managing.get(rack, (None,))[0] != now[0]
        }
        if changed and by != row.holder_id:
            self.world.violate(f"{by} moved racks while {row.holder_id} led")
        for rack, (process, state) in changed.items():
            before = self._managing.get(rack, (None,))[0]
            self.moves += 1
            for look in self.moved:
                look(process)
            self.world.note("moved", rack, before, process)
            self._managed_until[before, rack] = self.world.now
            if state != "running":
                self.world.violate(f"{rack} was given to {process}, which is {state}")
        self._managing = managing

    def _numbers_only_grow(self, number):
        if number < self._number:
            self.world.violate(f"the fleet's number went from {self._number} to {number}")
        self._number = number

    def _look(self):
        for name in self.fleet.racks:
            self._plans_only_grow(name)
        for name in self.fleet.processes:
            if self.fleet.is_alive(name):
                self._leases_are_right(name)
                self._every_link_counts(name)
        self.world.at(0.25, self._look)

    def _every_link_counts(self, name):
        """M7: each open link after its hello counts, whatever becomes of the rack's other links."""
        program = self.fleet.running[name]
        sockets = {
            server.protocol.link
            for _, server in self.world.streams
            if server.clock is program.clock and not server.lost and server.protocol.rack
        }
        counted = {link.link for link in program.service.connected.all_links()}
        if sockets != counted:
            self.world.violate(f"{name} counts {len(counted)} links, {len(sockets)} are open")

    def _plans_only_grow(self, name):
        number = self.fleet.running[name].service.newest.number
        if number < self._held.get(name, number):
            self.world.violate(f"{name} went from plan {self._held[name]} back to {number}")
        self._held[name] = number

    def _leases_are_right(self, name):
        membership = self.fleet.running[name].service.membership
        for rack in sorted(self._managing):
            if self._managing[rack][0] == name or not membership.grants_lease(rack):
                continue
            ended = self._managed_until.get((name, rack), float("-inf"))
            if self.world.now - ended > LEASE_WITHOUT_BEAT_SECONDS:
                self.world.violate(
                    f"{name} grants a lease to {rack} {self.world.now - ended:.1f} s after its end"
                )


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
