"""Each planted mistake must be found; run by name, after `make test`: it is a test of the tests."""

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.run import simulate

pytestmark = pytest.mark.postgres

MOST_SEEDS = 100
SECONDS = 60.0
FOUND_BY = {"M7": 1, "no fence": 43, "no resync": 1, "old plan accepted": 13}
"""The seeds that found them last; the others are tried when the product has changed."""


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_simulation_finds(name, database_dsn):
    for seed in [FOUND_BY[name], *range(1, 1 + MOST_SEEDS)]:
        outcome = simulate(seed, database_dsn, seconds=SECONDS, mutant=MUTANTS[name])
        if outcome.wrong:
            print(f"{name}: seed {seed}: {outcome.wrong[0][:200]}")
            return
    pytest.fail(f"{name} was not found in {MOST_SEEDS} seeds of {SECONDS:.0f} s")
