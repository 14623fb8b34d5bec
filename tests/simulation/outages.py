"""A fleet in good health whose database pauses for 2, 4 and 10 s: nobody may be moved for that."""

from tests.simulation.fleet import host_of
from tests.simulation.run import simulate

OUTAGES = ((15.0, 2.0), (25.0, 4.0), (38.0, 10.0))
"""(when, for how long), in seconds; the time between is for whatever comes late."""
SECONDS = 65.0
LATE_SECONDS = 4.5
"""So much later than the others a region host finds a database again that was gone."""


def live_through_outages(seed, dsn, kind, *, mutant=None):
    """Give the outcome, and what was moved or given up from the first outage on.

    `kind` is "is gone" (each session ends, nobody gets in, and one host finds it again later than
    the others) or "hangs" (nobody gets an answer, then all at the same moment).
    """
    before = {}

    def prepare(world, server, fleet, safety):
        def go(seconds):
            late = next(p for p in fleet.processes if host_of(p) != host_of(fleet.leader()))
            cut = {(host_of(late), "database")}
            world.cut |= cut
            world.at(seconds + LATE_SECONDS, world.heal, cut)
            server.restart(seconds)

        fault = {"is gone": go, "hangs": server.hang}[kind]

        def begin():
            before.update(_what_stays(safety))
            before["safety"] = safety

        world.at(OUTAGES[0][0] - 0.001, begin)
        for when, seconds in OUTAGES:
            world.at(when, world.note, "fault database", kind, seconds)
            world.at(when, fault, seconds)

    outcome = simulate(seed, dsn, seconds=SECONDS, mutant=mutant, faults=False, prepare=prepare)
    after = _what_stays(before.pop("safety"))
    return outcome, {
        what: (before[what], after[what]) for what in before if before[what] != after[what]
    }


def _what_stays(safety):
    return {
        "moves": safety.moves,
        "moves of DHCP roles": safety.role_moves,
        "incarnations": dict(sorted(safety.tables.incarnations.items())),
    }
