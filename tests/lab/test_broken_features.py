"""Every check of the drill has a mistake that it must find, and every mistake a check."""

import sys
from inspect import getmembers, isfunction

import pytest

from evenrack.lab.drill.course import AT_THE_END, CHECKS
from evenrack.runtime.child_process import run_program
from tests.together import rack_mistakes, region_mistakes
from tests.together.broken_features import BROKEN, CYCLES_FIND

MISTAKES = {broken.mistake for broken in BROKEN} | {mistake for mistake, *_ in CYCLES_FIND}
PLANT = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
def names():
    found = set()
    for name, part in list(sys.modules.items()):
        if name.startswith("evenrack."):
            found |= {(name, key) for key in vars(part)}
            for key, value in vars(part).items():
                if isinstance(value, type) and value.__module__ == name:
                    found |= {(name, key, each) for each in dir(value)}
    return found
for mistake in sys.argv[2:]:
    before = names()
    getattr(module, mistake)()
    new = names() - before
    assert not new, f"{mistake} puts something where nothing was: {sorted(new)}"
"""
"""Plants mistakes, and fails when one spoils a name that the product has no more."""


def test_each_check_of_the_drill_has_a_mistake_that_it_must_find():
    found = {name for broken in BROKEN for name in broken.found_by}
    assert found == {check.name for check in (*CHECKS, *AT_THE_END)}


@pytest.mark.parametrize("module", [region_mistakes, rack_mistakes])
def test_each_mistake_is_to_be_found(module):
    mistakes = {
        name
        for name, function in getmembers(module, isfunction)
        if function.__module__.endswith("_mistakes") and not name.startswith("_")
    }
    assert mistakes <= MISTAKES


def test_each_mistake_of_the_table_can_be_planted():
    known = {*vars(region_mistakes), *vars(rack_mistakes)}
    assert known >= MISTAKES


@pytest.mark.parametrize("module", [region_mistakes, rack_mistakes])
def test_what_the_mistakes_spoil_is_still_there(module):
    """In a program of its own, for they would stay."""
    mistakes = sorted(MISTAKES & vars(module).keys())
    run_program([sys.executable, "-c", PLANT, module.__name__, *mistakes], seconds=60)
