"""Runs one seeded world to its end; `make simulate SEED=n` replays one with its history."""

import shutil
import sys
import tempfile
from pathlib import Path

import attrs
import pytest
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.region.database.schema import upgrade
from tests.simulation.fleet import Fleet
from tests.simulation.promises import settled
from tests.simulation.safety import Safety
from tests.simulation.simulated_database import Server
from tests.simulation.weather import Weather
from tests.simulation.world import World

CALM_SECONDS = 15.0
MOST_VIOLATIONS = 3
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  no need of a real disk


@attrs.frozen(kw_only=True)
class Outcome:
    """What one seed came to."""

    seed: int
    wrong: tuple[str, ...]
    fingerprint: str
    faults: dict[str, int]
    moves: int
    role_moves: int
    history: tuple[str, ...] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Course:
    """What is to happen in a world beside what its seed draws."""

    seconds: float = 60.0
    faults: bool = True
    """Whether the seed draws faults, until it is calm for the last 15 s."""
    prepare: object = None
    """Plans faults of its own: called with world, server, fleet and safety."""
    mutant: object = None
    until: tuple[str, ...] = ()
    """Words of complaints after which nothing else matters: the world ends there."""
    with_log: bool = False
    """Whether the history tells what the programs log."""


def simulate(seed, dsn, **course):
    """Live through a seeded world on this database, and give what was wrong in it (`Course`)."""
    with pytest.MonkeyPatch.context() as patches, tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        life = _Life(World(seed), dsn, Path(folder), patches, Course(**course))
        globalLogPublisher.addObserver(life.logged)
        try:
            return life.outcome()
        finally:
            globalLogPublisher.removeObserver(life.logged)
            life.end()


class _Life:
    """One world from its first program to its end."""

    def __init__(self, world, dsn, folder, patches, course):
        self.world = world
        self.course = course
        self.server = Server(world, dsn)
        self._folder = folder
        self._patches = patches
        self._fleet = None

    def logged(self, event):
        """Take a failure that was logged for a promise that was broken."""
        failure = event.get("log_failure")
        if failure is not None:
            trace = failure.getTraceback()[-600:]
            self.world.violate(f"logged: {failure.getErrorMessage()} {trace}")
        if self.course.with_log and event["log_level"] >= LogLevel.info:
            where = event["log_namespace"].rpartition(".")[2]
            if where != "amp":  # which tells of each connection, and so do we
                self.world.tell(where, formatEvent(event))

    def outcome(self):
        world, course = self.world, self.course
        fleet = self._fleet = Fleet(world, self.server, self._folder, mutate=self._mutate)
        safety = Safety(world, self.server, fleet)
        weather = None
        if course.faults:
            calm_from = course.seconds - CALM_SECONDS
            weather = Weather(world, self.server, fleet, safety, calm_from=calm_from)
        if course.prepare is not None:
            course.prepare(world, self.server, fleet, safety)
        world.run_until(course.seconds, enough=self._is_enough)
        return Outcome(
            seed=world.seed,
            wrong=tuple(self._wrong()),
            fingerprint=world.fingerprint,
            faults={} if weather is None else weather.counts,
            moves=safety.moves,
            role_moves=safety.role_moves,
            history=tuple(_named(line, fleet) for line in world.history),
        )

    def end(self):
        for program in [] if self._fleet is None else self._fleet.running.values():
            program.clock.dead = True
            if program.database is not None:
                program.database.die()
        self.server.close()

    def _mutate(self, program):
        if self.course.mutant is not None:
            self.course.mutant(program, self._patches)

    def _is_enough(self):
        return any(words in each for each in self.world.violations for words in self.course.until)

    def _wrong(self):
        """Give the first complaints, and those of the end; of a world cut short only its last."""
        if self._is_enough():
            return self.world.violations[-1:]
        return self.world.violations[:MOST_VIOLATIONS] + settled(self.server, self._fleet)


def _named(line, fleet):
    """Say which rack it is where its id is written."""
    for name in fleet.racks:
        line = line.replace(fleet.identities[name], name)
    return line


def main():
    """Replay one seed on a database of its own, and print its history and what was wrong."""
    seed = int(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    folder = Path(tempfile.mkdtemp(prefix="evenrack-simulate-"))
    postgres = EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"})
    postgres.start()
    try:
        upgrade(postgres.dsn())
        outcome = simulate(seed, postgres.dsn(), seconds=seconds, with_log=True)
    finally:
        postgres.stop("immediate")
        shutil.rmtree(folder)
    print("\n".join(outcome.history))
    print(f"seed {seed}: {len(outcome.history)} lines, {outcome.moves} moves, {outcome.faults}")
    print("all is well" if not outcome.wrong else "\n".join(["WRONG:", *outcome.wrong]))
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
