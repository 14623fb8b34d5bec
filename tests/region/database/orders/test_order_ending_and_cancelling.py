"""A power order ends once, as its rack said or without its word, or is cancelled by somebody."""

import itertools

import pytest
from attrs import evolve

from evenrack.balance.power_routes import OVERDUE_SECONDS
from evenrack.model.power import PHASES, PowerOutcome
from evenrack.region.database.event_store import read_events
from evenrack.region.database.order_cancelling import OrderEnded
from evenrack.region.database.order_store import Ending, OrderUnderWay, ending_of, give_back
from tests.region.database.orders.order_rows import (
    OK,
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

FAILED = Ending(result="failed", error="the BMC refused")
LEFT = "its next start may be from pxe"


# Ending


def test_an_end_is_told_with_its_result_and_only_under_the_attempt_that_was_seen(fleet):
    entered(fleet)
    old = taken(fleet)
    new = taken(fleet, TWO)
    assert not ended(fleet, old)
    assert ended(fleet, new, FAILED)
    assert not ended(fleet, new), "the first end counts"
    (row,) = shown(fleet)
    assert (row["result"], row["state"], row["error"]) == ("failed", "unknown", "the BMC refused")
    event = fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]
    assert event["text"] == f"order {new.id}, cycle of m1: failed: the BMC refused"
    assert event["data"] == {"order": new.id, "action": "cycle", "result": "failed"}


def test_an_order_that_went_on_is_not_ended_by_what_was_decided_of_its_phase_before(fleet):
    entered(fleet)
    seen = taken(fleet)
    assert noted(fleet, seen)
    assert not ended(fleet, seen, Ending(result="failed", error="nothing was sent"))
    (order,) = unfinished(fleet)
    assert (order.phase, shown(fleet)[0]["result"]) == ("OFF_SENT", None)
    assert ended(fleet, order, Ending(result="unknown", error="lost at OFF_SENT"))


def test_an_order_ends_as_its_rack_says_whatever_it_recorded_meanwhile(fleet):
    entered(fleet)
    sent = taken(fleet)
    for step in itertools.pairwise(PHASES["cycle"]):
        assert noted(fleet, sent, step)
    outcome = PowerOutcome(result="ok", state="on", sent=True)
    assert ended(fleet, sent, ending_of(outcome))
    assert shown(fleet)[0]["result"] == "ok"


def test_an_end_without_a_reason_keeps_that_of_an_earlier_attempt_and_success_clears_it(fleet):
    for ending, expected in ((Ending(result="failed"), "no port"), (OK, None)):
        entered(fleet)
        order = taken(fleet)
        fleet.run(lambda c, order=order: give_back(c, order, "no port"))
        ended(fleet, unfinished(fleet)[0], ending)
        assert shown(fleet)[-1]["error"] == expected


def test_an_ending_is_what_the_rack_said():
    outcome = PowerOutcome(result="unknown", state="off", error="silence", sent=True)
    assert ending_of(outcome) == Ending(result="unknown", state="off", error="silence", told=True)


def test_the_deadline_is_by_the_database_s_clock(fleet):
    entered(fleet)
    fleet.change(
        "UPDATE power_order SET expires_at = clock_timestamp() - make_interval(secs => :s)",
        s=OVERDUE_SECONDS,
    )
    (order,) = unfinished(fleet)
    assert -OVERDUE_SECONDS - 20 < order.seconds_left <= -OVERDUE_SECONDS


# Cancelling


def test_an_order_of_which_nothing_was_sent_is_cancelled_at_once_and_never_sent(fleet):
    (number,) = entered(fleet)
    order = taken(fleet)
    assert cancelled(fleet, number)
    (row,) = shown(fleet)
    assert (row["result"], row["cancelled_by"]) == ("failed", "somebody")
    assert row["error"] == "cancelled by somebody; nothing was sent"
    assert row["ended"] is not None
    assert not noted(fleet, order)
    assert entered(fleet), "its machine may have another order"
    texts = [event["text"] for event in fleet.run(lambda c: read_events(c, after=0, limit=100))]
    assert any("was cancelled by somebody: nothing was sent" in text for text in texts)


def test_an_order_with_a_boot_device_is_read_as_it_was_entered_and_told_with_it(fleet):
    (number,) = entered(fleet, boot="pxe")
    (order,) = unfinished(fleet)
    assert (order.action, order.boot, order.deed) == ("cycle", "pxe", "cycle from pxe")
    assert cancelled(fleet, number)
    (row,) = shown(fleet)
    assert (row["action"], row["boot"]) == ("cycle", "pxe")
    event = fleet.run(lambda c: read_events(c, after=0, limit=1000))[-1]
    assert event["text"].startswith(f"order {number}, cycle from pxe of m1, was cancelled")
    assert event["data"]["action"] == "cycle"


@pytest.mark.parametrize(
    ("begun", "is_cancelled", "ending", "error"),
    [
        (True, False, Ending(result="unknown", error="lost"), f"lost; {LEFT}"),
        (True, False, Ending(result="failed", error=f"off; {LEFT}", told=True), f"off; {LEFT}"),
        (True, False, Ending(result="failed", error="refused it", told=True), "refused it"),
        (True, False, OK, None),
        (
            True,
            True,
            Ending(result="failed", error=f"overtaken; {LEFT}", told=True),
            f"cancelled by somebody at OFF_SENT; what was sent is not taken back; {LEFT}",
        ),
        (False, False, Ending(result="failed", error="nothing was sent"), "nothing was sent"),
    ],
)
def test_whoever_ends_an_order_with_a_boot_device_says_what_may_be_left_of_it(
    fleet, begun, is_cancelled, ending, error
):
    (number,) = entered(fleet, boot="pxe")
    order = taken(fleet)
    if begun:
        assert noted(fleet, order)
        order = evolve(order, phase="OFF_SENT")
    if is_cancelled:
        cancelled(fleet, number)
    ended(fleet, order, ending)
    assert shown(fleet)[0]["error"] == error


def test_of_an_order_that_has_begun_nothing_more_is_sent_and_its_bmc_stays_taken(fleet):
    (number,) = entered(fleet)
    order = taken(fleet)
    assert noted(fleet, order)
    assert cancelled(fleet, number)
    assert cancelled(fleet, number), "twice is once"
    assert unfinished(fleet)[0].cancelled
    with pytest.raises(OrderUnderWay):
        entered(fleet)
    assert not noted(fleet, order), "not even the same again"
    assert noted(fleet, order, ("OFF_SENT", "OFF_SEEN")), "what is seen is written down"
    assert not noted(fleet, order, ("OFF_SEEN", "ON_SENT"))
    ended(fleet, order, Ending(result="failed", state="off", error="overtaken", told=True))
    (row,) = shown(fleet)
    assert row["error"] == "cancelled by somebody at OFF_SEEN; what was sent is not taken back"
    assert steps(fleet)[2:] == [("cancelled", "rack1", 1), ("OFF_SEEN", "rack1", 1)]


def test_an_order_that_has_ended_or_is_not_there_is_not_cancelled(fleet):
    (number,) = entered(fleet)
    ended(fleet, taken(fleet))
    with pytest.raises(OrderEnded, match=f"order {number} has ended: ok"):
        cancelled(fleet, number)
    assert not cancelled(fleet, number + 1)
    assert shown(fleet)[0]["cancelled_by"] is None
