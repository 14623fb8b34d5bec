"""What goes wrong in a world: each seed draws its own rates, and then its own faults."""


class Weather:
    """Faults every few seconds until calm; everything that was broken is healed by itself."""

    def __init__(self, world, server, fleet, safety, *, calm_from):
        self.world = world
        self.server = server
        self.fleet = fleet
        self.calm_from = calm_from
        self.counts = {}
        chance = world.random
        world.slow_sends = 0.01
        server.slow = chance.choice((0.003, 0.02, 0.08))
        server.stall = chance.choice((0.0, 0.001, 0.004))
        self._pause_between = chance.choice((3, 6, 12))
        # few kinds in one world meet each other more often than all kinds do
        self._late_answer_is_due = False
        safety.moved.append(self._hold_answer_of)
        self._today = chance.sample(sorted(self._kinds()), chance.randint(2, 5))
        world.at(5, self._strike)
        world.at(calm_from, self._calm)

    def _calm(self):
        self.world.slow_sends = 0.0
        self.server.slow, self.server.stall, self.server.lossy = 0.0, 0.0, 0.0
        self.server.is_up = True
        for program in self.fleet.running.values():
            if program.clock.paused:
                program.clock.resume()
        self.world.heal(set(self.world.cut))
        for name in self.fleet.names:
            if self.fleet.running[name].clock.dead:
                self.fleet.start(name)

    def _strike(self):
        chance = self.world.random
        if self.world.now >= self.calm_from - 1:
            return
        kind = chance.choice(self._today)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        seconds = min(chance.uniform(0.1, 25), self.calm_from - self.world.now - 0.5)
        self._kinds()[kind](self._somebody(), seconds)
        self.world.at(chance.expovariate(1 / self._pause_between), self._strike)

    def _kinds(self):
        return {
            "kill": self._kill,
            "pause": self._pause,
            "cut": self._cut,
            "one way": self._cut_one_way,
            "alone": self._leave_alone,
            "database gone": self._database_gone,
            "database lossy": self._database_lossy,
            "no database": self._cut_from_database,
            "reset": self._reset,
            "half open": self._half_open,
            "stall the leader": self._stall_the_leader,
            "late answer": self._answer_a_new_manager_late,
        }

    def _somebody(self):
        chance = self.world.random
        by_role = chance.random()
        if by_role < 0.2:
            return self.fleet.leader()
        return chance.choice(self.fleet.names)

    def _note(self, what, name, seconds):
        self.world.note("fault", what, name, f"{seconds:.1f} s")

    def _kill(self, name, seconds):
        self._note("kill", name, seconds)
        self.fleet.kill(name)
        self.world.at(seconds, self._start, name)

    def _start(self, name):
        if self.fleet.running[name].clock.dead:
            self.fleet.start(name)

    def _pause(self, name, seconds):
        clock = self.fleet.running[name].clock
        if not clock.dead and not clock.paused:
            self._note("pause", name, seconds)
            clock.paused = True
            self.world.at(seconds, lambda: clock.resume() if clock.paused else None)

    def _hosts(self):
        return sorted({name.partition("/")[0] for name in self.fleet.names})

    def _cut(self, name, seconds):
        here = name.partition("/")[0]
        there = self.world.random.choice([host for host in self._hosts() if host != here])
        self._apart({(here, there), (there, here)}, seconds)

    def _cut_one_way(self, name, seconds):
        here = name.partition("/")[0]
        there = self.world.random.choice([host for host in self._hosts() if host != here])
        self._apart({(here, there)}, seconds)

    def _leave_alone(self, name, seconds):
        here = name.partition("/")[0]
        others = [host for host in [*self._hosts(), "database"] if host != here]
        self._apart({(here, o) for o in others} | {(o, here) for o in others}, seconds)

    def _cut_from_database(self, name, seconds):
        self._apart({(name.partition("/")[0], "database")}, seconds)

    def _apart(self, pairs, seconds):
        self._note("cut", " ".join(sorted(f"{a}>{b}" for a, b in pairs)), seconds)
        self.world.cut |= pairs
        self.world.at(seconds, self.world.heal, pairs)

    def _database_gone(self, name, seconds):
        self._note("database gone", "", seconds)
        self.server.is_up = False
        self.world.at(seconds, setattr, self.server, "is_up", True)

    def _database_lossy(self, name, seconds):
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
