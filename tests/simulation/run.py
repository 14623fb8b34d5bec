"""Runs one seeded world to its end; `make simulate SEED=n` replays one with its history."""

import shutil
import sys
import tempfile
from pathlib import Path

import attrs
from twisted.logger import globalLogPublisher

from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.region import decision_writer
from evenrack.region.database.leader_store import next_number
from evenrack.region.database.schema import upgrade
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


def simulate(seed, dsn, *, seconds=120.0, mutant=None, faults=True, prepare=None):
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
        fleet = Fleet(world, server, folder, mutant=mutant)
        safety = Safety(world, server, fleet)
        weather = None
        if faults:
            weather = Weather(world, server, fleet, safety, calm_from=seconds - CALM_SECONDS)
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
        decision_writer.next_number = next_number  # a mutant may have replaced it
        for program in fleet.running.values():
            program.clock.dead = True
            if program.database is not None:
                program.database.die()
        server.close()
        shutil.rmtree(folder)


def main():
    """Replay one seed on a database of its own, and print its history and what was wrong."""
    seed = int(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 120.0
    folder = Path(tempfile.mkdtemp(prefix="evenrack-simulate-"))
    postgres = EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"})
    postgres.start()
    try:
        upgrade(postgres.dsn())
        outcome = simulate(seed, postgres.dsn(), seconds=seconds)
    finally:
        postgres.stop("immediate")
        shutil.rmtree(folder)
    print("\n".join(outcome.history))
    print(f"seed {seed}: {len(outcome.history)} lines, {outcome.moves} moves, {outcome.faults}")
    print("all is well" if not outcome.wrong else "\n".join(["WRONG:", *outcome.wrong]))
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
