"""Power orders are read with all that was done about them, and go with their machines."""

import pytest

from evenrack.region.database.bmc_store import BmcInUse, remove
from evenrack.region.database.order_store import MOST_STEPS, Ending, give_back
from tests.region.database.orders.order_rows import (
    ONE,
    STEP,
    TWO,
    ended,
    entered,
    noted,
    shown,
    steps,
    taken,
    unfinished,
)

pytestmark = pytest.mark.postgres


# Reading


def test_an_order_has_the_keys_that_programs_rely_on(fleet):
    (number,) = entered(fleet)
    taken(fleet, TWO)
    (row,) = shown(fleet)
    assert row == {
        "order": number,
        "machine": "m1",
        "bmc": "b1",
        "action": "cycle",
        "boot": None,
        "who": "operator",
        "at": row["at"],
        "attempt": 1,
        "rack": "rack2",
        "phase": "NEW",
        "result": None,
        "state": "unknown",
        "seconds": row["seconds"],
        "error": None,
        "ended": None,
        "cancelled_by": None,
        "do": None,
        "steps": [{"at": row["steps"][0]["at"], "step": "taken", "rack": "rack2", "attempt": 1}],
    }
    assert 0 <= row["seconds"] < 20


def test_the_seconds_of_an_order_stand_still_when_it_has_ended(fleet):
    entered(fleet)
    ended(fleet, unfinished(fleet)[0])
    assert shown(fleet)[0]["seconds"] == shown(fleet)[0]["seconds"]


def test_orders_are_read_by_number_by_machine_or_the_newest(fleet):
    numbers = []
    for _ in range(3):
        numbers += entered(fleet, "m1", "m2")
        for order in unfinished(fleet):
            ended(fleet, order)
    assert [row["order"] for row in shown(fleet)] == numbers
    assert [row["order"] for row in shown(fleet, limit=2)] == numbers[-2:]
    assert [row["order"] for row in shown(fleet, machine="m2")] == numbers[1::2]
    assert [row["order"] for row in shown(fleet, orders=numbers[:2], machine="m1")] == numbers[:1]
    assert shown(fleet, orders=[]) == shown(fleet, orders=[2**62]) == shown(fleet, limit=0) == []


def test_a_machine_is_not_removed_before_its_order_has_ended_and_then_takes_it_along(fleet):
    (number,) = entered(fleet)
    with pytest.raises(BmcInUse, match=f"m1 has order {number}"):
        fleet.run(lambda c: remove(c, "machine", "m1"))
    ended(fleet, unfinished(fleet)[0])
    for noun, name in (("machine", "m1"), ("bmc", "b1")):
        fleet.run(lambda c, noun=noun, name=name: remove(c, noun, name))
    assert unfinished(fleet) == shown(fleet) == []


# History


def test_the_history_of_an_order_has_each_step_with_its_rack_attempt_and_time(fleet):
    entered(fleet)
    fleet.run(lambda c: give_back(c, taken(fleet), "no answer"))
    order = taken(fleet, TWO)
    for step in (STEP, STEP, ("OFF_SENT", "OFF_SEEN")):
        assert noted(fleet, order, step)
    taken(fleet, ONE)
    assert steps(fleet) == [
        ("taken", "rack1", 1),
        ("given back", "rack1", 1),
        ("taken", "rack2", 3),
        ("OFF_SENT", "rack2", 3),
        ("OFF_SEEN", "rack2", 3),
        ("taken", "rack1", 4),
    ]
    times = [step["at"] for step in shown(fleet)[0]["steps"]]
    assert times == sorted(times)
    assert times[0] >= shown(fleet)[0]["at"]
    ended(fleet, unfinished(fleet)[0])
    assert shown(fleet)[0]["ended"] >= times[-1]


def test_a_rack_that_goes_to_and_fro_does_not_fill_the_table(fleet):
    entered(fleet)
    order = taken(fleet)
    for _ in range(MOST_STEPS):
        assert noted(fleet, order, ("OFF_SEEN", "OFF_SENT")) or noted(fleet, order)
        assert noted(fleet, order, ("OFF_SENT", "OFF_SEEN"))
    assert len(steps(fleet)) == MOST_STEPS


def test_an_end_that_nobody_knows_is_shown_with_what_to_do(fleet):
    entered(fleet)
    ended(fleet, taken(fleet), Ending(result="unknown", error="lost"))
    assert "evenrack machine power query m1 --wait" in shown(fleet)[0]["do"]
