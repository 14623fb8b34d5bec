"""What goes wrong in a world: each seed draws its own rates, and then its own faults."""

from tests.simulation.fleet import host_of


class Weather:
    """Faults every few seconds until calm; everything that was broken is healed by itself."""

    def __init__(self, world, server, fleet, safety, *, calm_from):
        self.world = world
        self.server = server
        self.fleet = fleet
        self.safety = safety
        self.calm_from = calm_from
        self.counts = {}
        chance = world.random
        world.slow_sends = 0.01
        server.slow = chance.choice((0.003, 0.02, 0.08))
        server.stall = chance.choice((0.0, 0.001, 0.004))
        self._pause_between = chance.choice((3, 6, 12, 20))  # what is rare is not disturbed
        self._late_answer_is_due = False
        safety.moved.append(self._hold_answer_of)
        # few kinds in one world meet each other more often than all kinds do
        self._today = chance.sample(sorted(self._kinds()), chance.randint(2, 5))
        world.at(5, self._strike)
        world.at(calm_from, self._calm)

    def _calm(self):
        self.world.note("calm")
        self.world.slow_sends = 0.0
        self.server.slow, self.server.stall, self.server.lossy = 0.0, 0.0, 0.0
        self.server.is_up = True
        self.server.go_on()
        for name, program in list(self.fleet.running.items()):
            if name not in self.fleet.names:
                self.fleet.kill(name)
            if program.clock.paused:
                program.clock.resume()
        self.world.heal(set(self.world.cut))
        for name in self.fleet.names:
            self._start(name)

    def _strike(self):
        chance = self.world.random
        if self.world.now >= self.calm_from - 1:
            return
        kind = chance.choice(self._today)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        longest = self.calm_from - self.world.now - 0.5
        seconds = min(chance.choice((chance.uniform(0.1, 5), chance.uniform(5, 30))), longest)
        self._kinds()[kind](self._somebody(), seconds)
        self.world.at(chance.expovariate(1 / self._pause_between), self._strike)

    def _kinds(self):
        return {
            "kill": self._kill,
            "stop": self._stop,
            "host": self._restart_host,
            "power": self._lose_power,
            "pause": self._pause,
            "cut": self._cut,
            "one way": self._cut_one_way,
            "alone": self._leave_alone,
            "out of reach": self._cut_from_racks,
            "database gone": self._database_gone,
            "database hangs": self._database_hangs,
            "database lossy": self._database_lossy,
            "no database": self._cut_from_database,
            "reset": self._reset,
            "half open": self._half_open,
            "stall the leader": self._stall_the_leader,
            "late answer": self._answer_a_new_manager_late,
            "copy": self._copy_a_rack,
        }

    def _somebody(self):
        """Choose by role as often as not: what happens to those who decide matters most."""
        chance = self.world.random
        by_role = chance.random()
        if by_role < 0.25:
            return self.fleet.leader()
        if by_role < 0.5 and self.safety.tables.managing:
            return chance.choice(sorted(self.safety.tables.managing.values()))
        return chance.choice(self.fleet.names)

    def _note(self, what, name, seconds):
        self.world.note("fault", what, name, f"{seconds:.1f} s")

    def _kill(self, name, seconds):
        self._note("kill", name, seconds)
        self.fleet.kill(name)
        self.world.at(seconds, self._start, name)

    def _stop(self, name, seconds):
        """Stop it in order, as systemd does: with SIGKILL when it takes too long."""
        program = self.fleet.running[name]
        if self.fleet.is_alive(name):
            self._note("stop", name, seconds)
            program.service.stopService()
            self.world.at(min(5.0, 0.9 * seconds), self._kill_if_same, name, program)
            self.world.at(seconds, self._start, name)

    def _kill_if_same(self, name, program):
        if self.fleet.running[name] is program:
            self.fleet.kill(name)

    def _restart_host(self, name, seconds):
        self._note("restart host", host_of(name), seconds)
        for each in self.fleet.on(host_of(name)):
            self.fleet.kill(each)
            self.world.at(seconds, self._start, each)

    def _lose_power(self, name, seconds):
        """Nobody hears of it: the other ends believe in their links until silence."""
        self._note("power lost", host_of(name), seconds)
        for each in self.fleet.on(host_of(name)):
            self.fleet.kill(each, silently=True)
            self.world.at(seconds, self._start, each)

    def _start(self, name):
        if self.fleet.running[name].clock.dead:
            self.fleet.start(name)

    def _pause(self, name, seconds):
        clock = self.fleet.running[name].clock
        if not clock.dead and not clock.paused:
            self._note("pause", name, seconds)
            clock.pause()
            self.world.at(seconds, lambda: clock.resume() if clock.paused else None)

    def _somewhere_else(self, here):
        return self.world.random.choice([host for host in self.fleet.hosts if host != here])

    def _cut(self, name, seconds):
        here = host_of(name)
        there = self._somewhere_else(here)
        self._apart({(here, there), (there, here)}, seconds)

    def _cut_one_way(self, name, seconds):
        here = host_of(name)
        there = self._somewhere_else(here)
        self._apart({(here, there)}, seconds)

    def _leave_alone(self, name, seconds):
        here = host_of(name)
        others = [host for host in [*self.fleet.hosts, "database"] if host != here]
        self._apart({(here, o) for o in others} | {(o, here) for o in others}, seconds)

    def _cut_from_racks(self, name, seconds):
        """M2: a region host that no rack reaches, and that knows nothing of it."""
        here = host_of(self.world.random.choice(self.fleet.processes))
        racks = self.fleet.racks
        self._apart({(here, rack) for rack in racks} | {(rack, here) for rack in racks}, seconds)

    def _cut_from_database(self, name, seconds):
        self._apart({(host_of(name), "database")}, seconds)

    def _apart(self, pairs, seconds):
        self._note("cut", " ".join(sorted(f"{a}>{b}" for a, b in pairs)), seconds)
        self.world.cut |= pairs
        self.world.at(seconds, self.world.heal, pairs)

    def _database_gone(self, name, seconds):
        self._note("database gone", "", seconds)
        self.server.restart(seconds)

    def _database_hangs(self, name, seconds):
        self._note("database hangs", "", seconds)
        self.server.hang(seconds)

    def _database_lossy(self, name, seconds):
        """Sessions end before a transaction, or after its COMMIT and before anyone hears of it."""
        self._note("database lossy", "", seconds)
        self.server.lossy = 0.2
        self.world.at(seconds, setattr, self.server, "lossy", 0.0)

    def _reset(self, name, seconds):
        if self.world.streams:
            end = self.world.random.choice(self.world.streams)[self.world.random.randrange(2)]
            self._note("reset", end.clock.host, 0)
            end.clock.run(end.abortConnection)

    def _half_open(self, name, seconds):
        """Reset one end during a short cut: the other end believes in its link until silence."""
        if not self.world.streams:
            return
        stream = self.world.random.choice(self.world.streams)
        client, server = stream[0].clock.host, stream[1].clock.host
        self._apart({(client, server), (server, client)}, self.world.random.uniform(0.1, 0.9))
        self._note("half open", client, 0)
        stream[0].clock.run(stream[0].abortConnection)

    def _stall_the_leader(self, name, seconds):
        """Give the leader something to decide, and stop it between reading and writing."""
        leader = self.fleet.leader()
        victim = self.world.random.choice([p for p in self.fleet.processes if p != leader])
        self._kill(victim, seconds)
        self._note("stall", leader, 0)
        delay = self.world.random.uniform(0.005, 0.1)
        self.world.at(delay, setattr, self.server, "stall_next_reader", leader)

    def _answer_a_new_manager_late(self, name, seconds):
        """Let the next process that gets a rack read of it, and hear of it when it has lost it."""
        self._late_answer_is_due = True

    def _hold_answer_of(self, name):
        if not self._late_answer_is_due or self.world.now > self.calm_from - 6:
            return
        self._late_answer_is_due = False
        late = self.world.random.uniform(3, 5)  # the kernel gives up a silent session after 5 s
        self._note("late answer", name, late)
        self.server.answer_late[name] = late
        self.world.at(0.1, self._cut_off_from_answers, name, late)

    def _cut_off_from_answers(self, name, seconds):
        del self.server.answer_late[name]
        self._cut_from_database(name, seconds)

    def _copy_a_rack(self, name, seconds):
        """M8: a second host with a rack's identity comes while the rack is there."""
        rack = self.world.random.choice(self.fleet.racks)
        copy = self.fleet.copy_rack(rack)
        self._note("copy", rack, seconds)
        self.world.at(seconds, self.fleet.kill, copy)
