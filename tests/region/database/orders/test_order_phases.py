"""The phases of a power order are recorded in turn, under the newest attempt only."""

import itertools

import pytest
from attrs import evolve

from evenrack.model.power import PHASES
from tests.region.database.orders.order_rows import (
    STEP,
    TWO,
    ended,
    entered,
    noted,
    taken,
    unfinished,
)

pytestmark = pytest.mark.postgres


def test_phases_are_recorded_one_after_the_other(fleet):
    entered(fleet)
    order = taken(fleet)
    phases = PHASES["cycle"]
    for step in itertools.pairwise(phases):
        assert noted(fleet, order, step)
        assert unfinished(fleet)[0].phase == step[1]


def test_recording_is_safe_to_repeat(fleet):
    entered(fleet)
    order = taken(fleet)
    assert [noted(fleet, order) for _ in range(3)] == [True] * 3
    assert noted(fleet, order, ("OFF_SENT", "OFF_SENT")), "sent once more in the same phase"


@pytest.mark.parametrize("step", [("OFF_SEEN", "ON_SENT"), ("ON_SENT", "ON_SEEN")])
def test_a_step_from_another_phase_is_not_recorded(fleet, step):
    entered(fleet)
    assert not noted(fleet, taken(fleet), step)
    assert unfinished(fleet)[0].phase == "NEW"


@pytest.mark.parametrize("lost", [("OFF_SENT", "OFF_SEEN"), ("OFF_SENT", "ON_SENT")])
def test_who_has_no_answer_about_what_was_recorded_records_the_next_from_before_it(fleet, lost):
    entered(fleet)
    order = taken(fleet)
    assert noted(fleet, order)
    assert noted(fleet, order, lost)
    assert noted(fleet, order, ("OFF_SENT", "ON_SEEN"))
    assert unfinished(fleet)[0].phase == "ON_SEEN"


def test_nothing_that_came_before_is_recorded_from_there(fleet):
    entered(fleet)
    order = taken(fleet)
    for step in (STEP, ("OFF_SENT", "OFF_SEEN"), ("OFF_SEEN", "ON_SENT")):
        assert noted(fleet, order, step)
    assert not noted(fleet, order, STEP)
    assert not noted(fleet, order, ("OFF_SENT", "OFF_SEEN"))


def test_an_older_attempt_records_nothing_any_more(fleet):
    entered(fleet)
    old = taken(fleet)
    new = taken(fleet, TWO)
    assert not noted(fleet, old)
    assert not noted(fleet, old, rack=TWO)
    assert unfinished(fleet)[0].phase == "NEW"
    assert noted(fleet, new)
    assert not noted(fleet, old), "not even what is recorded already"


def test_another_rack_a_later_attempt_or_another_order_records_nothing(fleet):
    entered(fleet, "m1", "m2")
    order = taken(fleet)
    assert not noted(fleet, order, rack=TWO)
    assert not noted(fleet, order, attempt=order.attempt + 1)
    assert not noted(fleet, evolve(order, id=unfinished(fleet)[1].id))
    assert not noted(fleet, evolve(order, id=2**62))


def test_after_its_end_an_order_records_nothing(fleet):
    entered(fleet)
    order = taken(fleet)
    noted(fleet, order)
    assert ended(fleet, order)
    assert not noted(fleet, order)
    assert not noted(fleet, order, ("OFF_SENT", "OFF_SEEN"))
