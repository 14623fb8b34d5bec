"""Runs one seeded world to its end: `python -m tests.simulation.run SEED` replays it with its log."""

import shutil
import sys
import tempfile
from pathlib import Path

import attrs
from twisted.logger import globalLogPublisher

from evenrack.region import leader
from evenrack.region.database.leader_store import next_number
from tests.simulation.fleet import Fleet
from tests.simulation.promises import Safety, settled
from tests.simulation.simulated_database import Server
from tests.simulation.weather import Weather
from tests.simulation.world import World

CALM_SECONDS = 15.0
MEMORY = Path("/dev/shm")  # noqa: S108  a simulated disk need not be a real one


@attrs.frozen(kw_only=True)
class Outcome:
    """What one seed came to."""

    seed: int
    wrong: tuple[str, ...]
    fingerprint: str
    faults: dict[str, int]
    moves: int
    history: tuple[str, ...] = attrs.field(repr=False)


def simulate(seed, dsn, *, seconds=300.0, mutant=None, faults=True, prepare=None, racks=5):
    """Live through `seconds` of simulated time and give what was wrong in it."""
    world = World(seed)
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    server = Server(world, dsn)

    def logged(event):
        failure = event.get("log_failure")
        if failure is not None:
            world.violate(f"logged: {failure.getErrorMessage()} {failure.getTraceback()[-600:]}")

    globalLogPublisher.addObserver(logged)
    try:
        fleet = Fleet(world, server, folder, racks=racks, mutant=mutant)
        safety = Safety(world, server, fleet)
        weather = None
        if faults:
            weather = Weather(world, server, fleet, calm_from=seconds - CALM_SECONDS)
        if prepare is not None:
            prepare(world, server, fleet, safety)
        world.run_until(seconds)
        wrong = world.violations[:3] + settled(server, fleet)
        return Outcome(
            seed=seed,
            wrong=tuple(wrong),
            fingerprint=world.fingerprint,
            faults={} if weather is None else weather.counts,
            moves=safety.moves,
            history=tuple(world.history),
        )
    finally:
        globalLogPublisher.removeObserver(logged)
        leader.next_number = next_number  # a mutant may have replaced it
        for program in fleet.running.values():
            program.clock.dead = True
            if program.database is not None:
                program.database.die()
        server.close()
        shutil.rmtree(folder)


def main():
    seed, dsn = int(sys.argv[1]), sys.argv[2]
    outcome = simulate(seed, dsn)
    print("\n".join(outcome.history))
    print(outcome)


if __name__ == "__main__":
    main()
