"""Every check of the drill has a mistake that it must find, and every mistake a check."""

from inspect import getmembers, isfunction

import pytest

from evenrack.lab.drill.course import CHECKS, LEFT_AS_FOUND
from tests.together import rack_mistakes, region_mistakes
from tests.together.broken_features import BROKEN


def test_each_check_of_the_drill_has_a_mistake_that_it_must_find():
    found = {name for broken in BROKEN for name in broken.found_by}
    assert found == {check.name for check in (*CHECKS, LEFT_AS_FOUND)}


@pytest.mark.parametrize("module", [region_mistakes, rack_mistakes])
def test_each_mistake_is_to_be_found(module):
    mistakes = {
        name
        for name, function in getmembers(module, isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert mistakes <= {broken.mistake for broken in BROKEN}


def test_each_mistake_of_the_table_can_be_planted():
    known = {*vars(region_mistakes), *vars(rack_mistakes)}
    assert {broken.mistake for broken in BROKEN} <= known
