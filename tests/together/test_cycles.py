"""A machine is cycled once, whatever breaks: its BMC says what it was told.

What is broken, whose, and when is drawn from a seed for each round of orders. A round that failed
is lived through again, on a new lab, by the command that the test prints.
"""

import os
from collections import Counter
from math import ceil

import pytest

from tests.together.cycle_judge import what_is_wrong
from tests.together.cycle_plan import USUAL_SEED, draw_round, is_enough
from tests.together.cycle_run import NotWhole, cycle_through, size_for
from tests.together.whole_lab import say, whole_lab

pytestmark = [pytest.mark.daemon, pytest.mark.usefixtures("network_possible")]

SEED = int(os.environ.get("CYCLE_SEED", USUAL_SEED))
RUNS = int(os.environ.get("CYCLE_RUNS", "20"))
MACHINES = int(os.environ.get("CYCLE_MACHINES", "20"))
THIS = ".venv/bin/pytest -s tests/together/test_cycles.py"
MOST_RUNS = 50
"""On one lab: a test that lasts for a quarter of an hour is ended as one that hangs."""
APART = 1_000
"""Seeds from one lab to the next; each needs a few dozen."""


def labs(seed, runs):
    """Give for each lab its first seed, and how many runs it is to have."""
    return [
        (seed + APART * lab, min(MOST_RUNS, runs - MOST_RUNS * lab))
        for lab in range(ceil(runs / MOST_RUNS))
    ]


@pytest.fixture
def trial(tmp_path):
    with whole_lab(tmp_path / "lab", size_for(MACHINES)) as trial:
        yield trial


@pytest.mark.parametrize(("seed", "runs"), labs(SEED, RUNS), ids=str)
def test_rule_5_and_6_whatever_breaks_a_cycle_is_one_outage_and_its_end_is_true(trial, seed, runs):
    machines = [bmc.machine for bmc in trial.fleet.bmcs]
    met = []
    while not is_enough(met, runs):
        again = f"CYCLE_SEED={seed} CYCLE_RUNS=1 CYCLE_MACHINES={MACHINES} {THIS}"
        say(f"cycles, seed {seed}; the same again: {again}")
        lived = lived_through(trial, draw_round(seed, machines), again)
        met.append(len(lived.broken))
        ends = Counter(run.row["result"] for run in lived.runs)
        say(f"{'; '.join(lived.said)}: {len(lived.broken)} orders met it; {dict(ends)}")
        refuse_wrong(lived, again)
        seed += 1


def lived_through(trial, plan, again):
    """Live through a round; a lab that is not whole again fails with how to see it again."""
    try:
        return cycle_through(trial, plan)
    except NotWhole as wrong:
        breaks = "; ".join(map(str, plan.breaks))
        pytest.fail(f"not whole {wrong}\n{breaks}\nthe same again: {again}", pytrace=False)


def refuse_wrong(lived, again):
    """Fail with what is wrong, the whole story of those orders, and how to see it again."""
    if wrong := what_is_wrong(lived.runs, lived.orders):
        told = [*wrong, "; ".join(lived.said), f"the same again: {again}"]
        pytest.fail("\n".join(told), pytrace=False)
