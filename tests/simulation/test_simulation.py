"""A year of faults in an evening: worlds in which the real services live, die and are cut."""

import os

import pytest

from tests.simulation.run import simulate

pytestmark = pytest.mark.postgres

SEEDS = range(1, 1 + int(os.environ.get("SIMULATION_SEEDS", "6")))
SECONDS = float(os.environ.get("SIMULATION_SECONDS", "120"))


def test_the_same_seed_gives_the_same_history(database_dsn):
    first = simulate(7, database_dsn, seconds=40)
    again = simulate(7, database_dsn, seconds=40)
    assert first.history == again.history
    assert first.fingerprint == again.fingerprint


def test_without_faults_each_rack_is_managed_and_nothing_moves_afterwards(database_dsn):
    outcome = simulate(1, database_dsn, seconds=40, faults=False)
    assert outcome.wrong == ()
    late = [line for line in outcome.history if "moved" in line and float(line.split()[0]) > 5]
    assert late == []


@pytest.mark.parametrize("seed", SEEDS)
def test_p1_p3_whatever_fails_the_fleet_is_whole_again_after_15_s_of_calm(seed, database_dsn):
    outcome = simulate(seed, database_dsn, seconds=SECONDS)
    assert outcome.wrong == (), f"replay: make simulate SEED={seed}"


@pytest.mark.parametrize("pause", [2.0, 4.0, 10.0])
def test_a_database_that_pauses_moves_nobody(pause, database_dsn):
    moves_before = []

    def prepare(world, server, _fleet, safety):
        def begin():
            moves_before.append(safety.moves)
            server.is_up = False
            world.at(pause, setattr, server, "is_up", True)

        world.at(20, begin)

    outcome = simulate(3, database_dsn, seconds=60, faults=False, prepare=prepare)
    assert outcome.wrong == ()
    assert outcome.moves == moves_before[0]
