"""Whatever still works must be used soon, also while other things are broken.

Faults of a world overlap. Where the leader has been well for long enough, with a database that was
well too, or somebody who could have taken over from one that was not, nothing may be left undone.
"""

LEADER_ACTS_SECONDS = 9.0
"""3 s of silence, a look each second and a few slow answers of 2.5 s: until a rack has another
manager, with a leader who is well."""
SOMEBODY_ACTS_SECONDS = 16.0
"""The same with a take-over before it, or 6 s of grace after blindness."""


class Patience:
    """Knows for how long each thing has been as it is."""

    def __init__(self, world, server, fleet):
        self.world = world
        self.server = server
        self.fleet = fleet
        self._since = {}
        self._told = set()

    def look(self, tables):
        """Complain of what has been left undone for too long."""
        well = {p: self._lasts(("well", p), self._is_well(p)) for p in self.fleet.processes}
        ill = {p: self._lasts(("ill", p), not self._is_well(p)) for p in self.fleet.processes}
        leads = {p: self._lasts(("leads", p), tables.holder == p) for p in self.fleet.processes}
        led_for = max(min(leads[p], well[p]) for p in self.fleet.processes)
        could_lead_for = max(
            well.get(tables.holder, 0.0), min(ill.get(tables.holder, 0.0), max(well.values()))
        )
        self._the_mute_are_given_up(tables, could_lead_for)
        for name in self.fleet.racks:
            unmanaged = self._unmanaged_for(name, tables, well)
            if unmanaged >= LEADER_ACTS_SECONDS and (
                led_for >= LEADER_ACTS_SECONDS
                or min(could_lead_for, unmanaged) >= SOMEBODY_ACTS_SECONDS
            ):
                self._tell(f"{name} is connected, and nobody manages it")

    def _the_mute_are_given_up(self, tables, could_lead_for):
        for name in self.fleet.processes:
            mute = self._lasts(("mute", name), not self._beats(name))
            recorded = self._lasts(("recorded", name), tables.states.get(name) == "running")
            if min(mute, recorded, could_lead_for) >= SOMEBODY_ACTS_SECONDS:
                self._tell(f"{name} is mute, and still counts as running")

    def _unmanaged_for(self, name, tables, well):
        """Give for how long a rack has had no manager, and a link to somebody who is well."""
        rack = self.fleet.identities[name]
        alone = self._lasts(("alone", name), tables.manager_of(rack) is None)
        linked = max(
            min(self._lasts(("linked", name, p), self._is_linked(name, p)), well[p])
            for p in self.fleet.processes
        )
        return min(alone, linked)

    def _tell(self, what):
        if what not in self._told:
            self._told.add(what)
            self.world.violate(what)

    def _lasts(self, key, holds):
        """Give for how long this has held."""
        if not holds:
            self._since[key] = self.world.now
        return self.world.now - self._since.setdefault(key, self.world.now)

    def _beats(self, name):
        host = name.partition("/")[0]
        return self.fleet.is_alive(name) and self.world.reaches(host, "database")

    def _is_well(self, name):
        return self.server.is_well and self._beats(name)

    def _is_linked(self, rack, process):
        """Tell whether both ends hold a link that nothing cuts."""
        if not (self.fleet.is_alive(rack) and self.fleet.is_alive(process)):
            return False
        host = process.partition("/")[0]
        if not (self.world.reaches(rack, host) and self.world.reaches(host, rack)):
            return False
        sessions = self.fleet.running[rack].service.connections.sessions()
        here = {session.link for session in sessions if session.process == process}
        links = self.fleet.running[process].service.connected.all_links()
        return any(link.link in here for link in links)
