"""Chaos in the lab: whatever is broken, the fleet settles, and is as it has to be.

What is broken is drawn from a seed, one for each minute of CHAOS_SECONDS. A minute that failed is
lived through again, on a new lab, by the command that the test prints.
"""

import os
from math import ceil

import pytest

from evenrack.lab.fleet import Size
from tests.together.chaos_deeds import USUAL_SEED
from tests.together.chaos_run import ChaosFound, live_through
from tests.together.whole_lab import say, whole_lab

pytestmark = [pytest.mark.daemon, pytest.mark.dhcpd]

SEED = int(os.environ.get("CHAOS_SEED", USUAL_SEED))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
A_MINUTE = 60.0
THIS = ".venv/bin/pytest -s tests/together/test_chaos.py"
SIZE = Size(region_hosts=2, processes=2, racks=4, vlans=4, clients=0, bmcs=8)


def minutes(seed, seconds):
    """Give a seed for each minute, and how many seconds it has."""
    return [
        (seed + minute, min(A_MINUTE, seconds - minute * A_MINUTE))
        for minute in range(ceil(seconds / A_MINUTE))
    ]


@pytest.fixture(scope="module")
def trial(tmp_path_factory, network_possible):
    with whole_lab(tmp_path_factory.mktemp("chaos") / "lab", SIZE) as trial:
        yield trial


@pytest.mark.parametrize(("seed", "seconds"), minutes(SEED, SECONDS), ids=str)
def test_whatever_is_broken_the_fleet_settles_as_promised(trial, seed, seconds):
    again = f"the same again: CHAOS_SEED={seed} CHAOS_SECONDS={seconds:g} {THIS}"
    say(f"chaos, seed {seed}; {again}")
    if found := chaos(trial, seed, seconds):
        pytest.fail(f"{found}\n{again}", pytrace=False)


def chaos(trial, seed, seconds):
    """Say what was found; nothing when all is as it has to be after every step."""
    try:
        steps = live_through(trial, seed, seconds, say)
    except ChaosFound as found:
        return str(found)
    return "" if steps else "there was no time for a single step"
