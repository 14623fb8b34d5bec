"""Racks take power orders and give them back: the attempt is the fence."""

import pytest
from attrs import evolve

from evenrack.region.database.event_store import read_events
from evenrack.region.database.order_store import give_back, record_phase, take_order
from tests.region.database.orders.order_rows import (
    ONE,
    STEP,
    TWO,
    cancelled,
    ended,
    entered,
    noted,
    shown,
    steps,
    taken,
    unfinished,
)

pytestmark = pytest.mark.postgres


# Taking


def test_taking_an_order_raises_its_attempt_and_only_one_who_saw_it_so_may(fleet):
    entered(fleet)
    (seen,) = unfinished(fleet)
    assert fleet.run(lambda c: take_order(c, seen, ONE))
    assert not fleet.run(lambda c: take_order(c, seen, TWO))
    (order,) = unfinished(fleet)
    assert (order.rack, order.attempt) == (ONE, 1)


def test_who_takes_an_order_gets_it_as_it_is_then(fleet):
    entered(fleet)
    noted(fleet, taken(fleet))
    (seen,) = unfinished(fleet)
    assert cancelled(fleet, seen.id)
    got = fleet.run(lambda c: take_order(c, seen, TWO))
    assert (got.rack, got.attempt, got.phase, got.cancelled) == (TWO, 2, "OFF_SENT", True)
    (order,) = unfinished(fleet)
    assert got == evolve(order, seconds_left=got.seconds_left)
    assert 0 <= got.seconds_left - order.seconds_left < 10


def test_an_order_whose_rack_came_back_and_went_on_since_it_was_seen_is_taken_by_nobody(fleet):
    entered(fleet)
    seen = taken(fleet)
    for step in (STEP, ("OFF_SENT", "OFF_SEEN")):
        assert noted(fleet, seen, step)
        assert not fleet.run(lambda c: take_order(c, seen, TWO))
    (order,) = unfinished(fleet)
    assert (order.rack, order.attempt, order.phase) == (ONE, 1, "OFF_SEEN")
    assert steps(fleet)[-1] == ("OFF_SEEN", "rack1", 1)
    assert taken(fleet, TWO).attempt == 2, "the next look sees it as it is"


def test_a_rack_that_comes_back_while_its_order_is_taken_records_nothing_or_keeps_it(fleet):
    entered(fleet)
    seen = taken(fleet)
    with fleet.open_transaction() as back:
        transaction = back.begin()
        assert record_phase(back, ONE, seen.id, seen.attempt, STEP)
        take = fleet.start(lambda: fleet.run(lambda c: take_order(c, seen, TWO)))
        fleet.wait_until_blocked()
        transaction.commit()
        assert take.result(10) is None
    (order,) = unfinished(fleet)
    assert (order.rack, order.attempt, order.phase) == (ONE, 1, "OFF_SENT")


def test_of_two_processes_that_take_an_order_at_once_one_does(fleet):
    entered(fleet)
    (seen,) = unfinished(fleet)
    with fleet.open_transaction() as first:
        transaction = first.begin()
        assert take_order(first, seen, ONE)
        second = fleet.start(lambda: fleet.run(lambda c: take_order(c, seen, TWO)))
        fleet.wait_until_blocked()
        transaction.commit()
        assert second.result(10) is None
    assert unfinished(fleet)[0].rack == ONE


def test_a_take_over_is_told_with_the_phase_that_it_happened_at(fleet):
    entered(fleet)
    order = taken(fleet)
    noted(fleet, order)
    assert fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]["kind"] != "power"
    order = taken(fleet, TWO)
    assert (order.phase, order.rack, order.attempt) == ("OFF_SENT", TWO, 2)
    event = fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]
    assert (event["kind"], event["object"]) == ("power", "machine:m1")
    assert "cycle of m1, was taken over at OFF_SENT" in event["text"]


def test_an_order_that_has_ended_is_taken_by_nobody(fleet):
    entered(fleet)
    (seen,) = unfinished(fleet)
    ended(fleet, seen)
    assert not fleet.run(lambda c: take_order(c, seen, ONE))
    assert unfinished(fleet) == []


# Giving back


def test_an_order_of_which_nothing_was_sent_is_given_back_for_another_rack(fleet):
    entered(fleet)
    order = taken(fleet)
    fleet.run(lambda c: give_back(c, order, "it does not answer"))
    (free,) = unfinished(fleet)
    assert (free.rack, free.attempt, free.tried, free.phase) == (None, 2, (ONE,), "NEW")
    assert free.error == "it does not answer"
    assert shown(fleet)[0]["error"] == "it does not answer"
    assert not noted(fleet, order), "who gave it back sends nothing"


def test_an_order_is_given_back_at_the_phase_that_was_seen_and_at_no_other(fleet):
    """Who was not even told of an order that it took over gives it back as it is."""
    entered(fleet)
    order = taken(fleet)
    assert noted(fleet, order)
    fleet.run(lambda c: give_back(c, order, "it does not answer"))
    (kept,) = unfinished(fleet)
    assert (kept.rack, kept.phase, kept.error) == (ONE, "OFF_SENT", "")
    fleet.run(lambda c: give_back(c, kept, "it is too old"))
    (free,) = unfinished(fleet)
    assert (free.rack, free.tried, free.phase) == (None, (ONE,), "OFF_SENT")
    assert free.error == "it is too old"


def test_it_is_given_back_once_and_only_while_it_is_new(fleet):
    entered(fleet)
    order = taken(fleet)
    fleet.run(lambda c: give_back(c, order, "first"))
    fleet.run(lambda c: give_back(c, order, "second"))
    assert unfinished(fleet)[0].tried == (ONE,)
    order = taken(fleet, TWO)
    noted(fleet, order)
    fleet.run(lambda c: give_back(c, order, "third"))
    (still,) = unfinished(fleet)
    assert (still.rack, still.attempt, still.phase) == (TWO, order.attempt, "OFF_SENT")
