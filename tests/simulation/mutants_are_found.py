"""Each planted mistake must be found; run by name, after `make test`: it is a test of the tests."""

import pytest

from tests.simulation.mutants import FOUND_BY, MUTANTS, blind_counts_as_silence
from tests.simulation.outages import live_through_outages
from tests.simulation.run import simulate

pytestmark = pytest.mark.postgres

MOST_SEEDS = 100
SECONDS = 60.0


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_simulation_finds(name, database_dsn):
    """By the promise that the mistake breaks, and not by whatever else it does."""
    expected = MUTANTS[name].breaks
    for seed in [FOUND_BY[name], *range(1, 1 + MOST_SEEDS)]:
        mutant = MUTANTS[name].spoil
        outcome = simulate(seed, database_dsn, seconds=SECONDS, mutant=mutant, until=expected)
        found = [wrong for wrong in outcome.wrong if any(words in wrong for words in expected)]
        if found:
            moved = "" if seed == FOUND_BY[name] else f" (no more {FOUND_BY[name]}: FOUND_BY)"
            print(f"{name}: seed {seed}{moved}: {found[0][:200]}")
            return
    pytest.fail(f"{name} was not found in {MOST_SEEDS} seeds of {SECONDS:.0f} s")


def test_outages_of_the_database_find_who_takes_blindness_for_silence(database_dsn):
    """One that hangs does not: it lets everybody in again at the same moment."""
    mutant = blind_counts_as_silence
    _, changed = live_through_outages(1, database_dsn, "is gone", mutant=mutant)
    print(f"blindness is silence: {changed}")
    assert changed
