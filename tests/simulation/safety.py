"""What must hold in a world at every moment, whatever is broken at that moment."""

from evenrack.rack.lease import LEASE_SECONDS
from tests.simulation.causes import Causes
from tests.simulation.patience import Patience
from tests.simulation.tables import read_tables

LOOK_SECONDS = 0.25
SLOW_SECONDS = 6.0
"""So long a few slow answers of the database take together."""
STARTUP_SECONDS = 15.0
"""After which a server without its peer serves: two secondaries from the same addresses."""
FRESH_SECONDS = 2.0
"""So old may the beat be by which a process grants a lease."""


class Safety:
    """Looks at every commit, and four times a second at every program."""

    def __init__(self, world, server, fleet):
        self.world = world
        self.server = server
        self.fleet = fleet
        self.moves = 0
        self.role_moves = 0
        self.moved = []
        """Called with the process that was given a rack."""
        self.tables = server.look(read_tables)
        self._causes = Causes(world)
        self._patience = Patience(world, server, fleet)
        self._managed_until = {}
        self._held = {}
        self._two_secondaries = {}
        server.committed.append(self._committed)
        world.at(LOOK_SECONDS, self._look)

    def _committed(self, by):
        before, now = self.tables, self.server.look(read_tables)
        self.tables = now
        if now.number < before.number:
            self.world.violate(f"the fleet's number went from {before.number} to {now.number}")
        if now.epoch < before.epoch:
            self.world.violate(f"the epoch went from {before.epoch} to {now.epoch}")
        self._moves_are_the_leaders(by, before, now)
        self._only_the_living_have_rows(now)
        self._a_rack_is_one_run(now)
        self._causes.saw(now, since=self._read_since(by))

    def _read_since(self, by):
        """Tell since when a program can have read what it has just written by."""
        since = self.world.now - SLOW_SECONDS
        for began, ended in (self.fleet.running[by].clock.last_pause, self.server.last_hang):
            if self.world.now - ended < SLOW_SECONDS:
                since = min(since, began - SLOW_SECONDS)
        return since

    def _moves_are_the_leaders(self, by, before, now):
        moved = {
            rack: process
            for rack, process in now.managing.items()
            if before.managing.get(rack) != process
        }
        if (moved or now.pairs != before.pairs) and by != now.holder:
            self.world.violate(f"{by} decided while {now.holder} led")
        if now.pairs != before.pairs and before.pairs:
            self.role_moves += 1
            self.world.note("dhcp", before.pairs, "becomes", now.pairs)
        for rack, process in moved.items():
            source = before.managing.get(rack)
            self.moves += 1
            for look in self.moved:
                look(process)
            self.world.note("moved", rack, source, process)
            self._managed_until[source, rack] = self.world.now
            # `off` a process says of itself, and the leader may not have read it; `dead` it wrote
            if now.states[process] == "dead":
                self.world.violate(f"{rack} was given to {process}, which is not running")

    def _only_the_living_have_rows(self, now):
        dead = [link for link in now.links if now.is_of_the_dead(link)]
        if dead:
            self.world.violate(f"rows of the dead: {dead[:3]}")

    def _a_rack_is_one_run(self, now):
        """M8: of a rack and its copies only one counts, and not the one that came later."""
        runs = {}
        for link in now.links:
            if (link.rack, link.process) in now.counted and link.rack_holds:
                runs.setdefault(link.rack, set()).add(link.run)
        for rack, several in runs.items():
            if len(several) > 1:
                self.world.violate(f"{rack} is {len(several)} runs at once: {sorted(several)}")

    def _look(self):
        for name in self.fleet.racks:
            self._plans_only_grow(name)
            self._one_manager_is_believed(name)
        alive = [name for name in self.fleet.processes if self.fleet.is_alive(name)]
        for name in alive:
            self._leases_are_right(name)
            self._every_link_counts(name)
        self._one_leads()
        self._one_primary_of_each_vlan()
        self._patience.look(self.tables)
        self.world.at(LOOK_SECONDS, self._look)

    def _one_leads(self):
        """M4: an epoch has one leader; one that sleeps, or does not know yet, has an older one."""
        epochs = {}
        for name in self.fleet.processes:
            program = self.fleet.running[name]
            epoch = program.service.leader.seat.epoch
            if not program.clock.dead and epoch is not None:
                epochs.setdefault(epoch, []).append(name)
        for epoch, names in epochs.items():
            if len(names) > 1:
                self.world.violate(f"{' and '.join(names)} lead, both in epoch {epoch}")

    def _one_primary_of_each_vlan(self):
        """M12: of two that have one role each would give away what the other does."""
        for vlan, hosts in self.fleet.network.servers_in("primary").items():
            if len(hosts) > 1:
                self.world.violate(f"{vlan} has two primaries: {', '.join(hosts)}")
        answering = self.fleet.network.servers_in("secondary", and_answer=True)
        in_vain = {vlan for vlan, hosts in answering.items() if hosts[1:]}
        self._two_secondaries = {v: self._two_secondaries.get(v, self.world.now) for v in in_vain}
        for vlan, since in self._two_secondaries.items():
            if self.world.now - since > STARTUP_SECONDS:
                self.world.violate(f"{vlan} has two secondaries since {since:.1f} s")

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
        for rack in sorted(self.tables.managing):
            if membership.grants_lease(rack):
                self._must_have_managed(name, rack, FRESH_SECONDS, "grants a lease to")

    def _one_manager_is_believed(self, name):
        """A rack never acts for longer for one process after another has been given it."""
        service = self.fleet.running[name].service
        believed = service.lease.manager
        if believed is not None and self.fleet.is_alive(name):
            seconds = FRESH_SECONDS + LEASE_SECONDS
            self._must_have_managed(believed, service.rack, seconds, "is still believed by")

    def _must_have_managed(self, process, rack, seconds, what):
        if self.tables.managing.get(rack) == process:
            return
        passed = self.world.now - self._managed_until.get((process, rack), float("-inf"))
        if passed > seconds:
            self.world.violate(f"{process} {what} {rack} {passed:.1f} s after its end")
