"""The desk of power orders: each attempt once, the newest only, and never more at once than 16."""

import pytest

from evenrack.errors import OrderOutdated
from evenrack.rack.power.desk import MOST_AT_ONCE


def test_an_order_is_carried_out_and_answered_when_it_has_ended(at):
    outcome = at.take()
    at.wait(0.5)
    assert not outcome.is_there
    at.wait(5)
    assert (outcome.value().result, outcome.value().state) == ("ok", "off")
    assert at.told() == ["off"]
    assert at.phases == [(1, 1, "OFF_SENT"), (1, 1, "OFF_SEEN")]


def test_the_same_attempt_twice_is_carried_out_once_and_both_are_answered_alike(at):
    first, second = at.take(), at.take()
    at.wait(0.75)
    third = at.take()
    at.wait(5)
    assert first.value() == second.value() == third.value()
    assert at.told() == ["off"]


def test_who_asks_after_the_end_is_answered_at_once_from_memory(at):
    first = at.take()
    at.wait(5)
    looks = at.bmc().looks
    assert at.take().value() == first.value()
    assert (at.told(), at.bmc().looks) == (["off"], looks)


@pytest.mark.parametrize(("order", "attempt"), [(5, 1), (4, 9), (4, 1)])
@pytest.mark.parametrize("ended", [True, False])
def test_an_older_attempt_or_order_is_refused_and_disturbs_nothing(at, order, attempt, ended):
    newer = at.take(5, 2)
    if ended:
        at.wait(5)
    problem = at.take(order, attempt, action="on").error()
    assert isinstance(problem, OrderOutdated)
    assert "attempt 2 at order 5" in str(problem)
    at.wait(5)
    assert newer.value().result == "ok"
    assert at.told() == ["off"]


def test_orders_of_other_bmcs_have_nothing_to_do_with_it(at):
    at.take(5, 2)
    other = at.take(1, 1, bmc=2)
    at.wait(5)
    assert other.value().result == "ok"


def test_a_newer_attempt_ends_the_older_one_before_it_begins(at):
    at.bmc().turns_in = 60.0
    older = at.take(1, 1)
    at.wait(2)
    at.bmc().press("off")
    newer = at.take(1, 2, phase="OFF_SENT")
    at.wait(5)
    assert (older.value().result, older.value().sent) == ("unknown", True)
    assert newer.value().result == "ok"
    assert at.told() == ["off"]
    assert [attempt for _, attempt, _ in at.phases] == [1, 2]


def test_a_newer_attempt_waits_until_the_older_conversation_has_ended(at):
    at.driver.ends_in = 3.0
    older, newer = at.take(1, 1), at.take(1, 2)
    at.wait(2.5)
    assert at.driver.talking == 1
    assert not newer.is_there
    at.wait(5)
    assert newer.value().result == "ok"
    assert at.driver.most_talking == 1
    assert at.told() == ["off"]
    assert older.value().result == "failed"


def test_what_is_sent_again_while_an_older_attempt_ends_is_still_carried_out_once(at):
    at.driver.ends_in = 3.0
    at.take(1, 1)
    newer = [at.take(1, 2), at.take(1, 2)]
    at.wait(10)
    assert newer[0].value() == newer[1].value()
    assert at.told() == ["off"]
    assert at.driver.most_talking == 1


def test_of_two_newer_attempts_only_the_newest_is_carried_out(at):
    at.driver.ends_in = 3.0
    at.take(1, 1)
    second, third = at.take(1, 2), at.take(1, 3)
    assert isinstance(at.take(1, 2).error(), OrderOutdated)
    at.wait(10)
    assert third.value().result == "ok"
    assert (second.value().result, second.value().sent) == ("failed", False)
    assert {attempt for _, attempt, _ in at.phases} == {3}
    assert at.told() == ["off"]
    assert at.driver.most_talking == 1


def test_at_most_16_are_carried_out_at_once_and_the_others_have_their_turn(at):
    outcomes = [at.take(n, bmc=n) for n in range(1, 41)]
    at.wait(0.25)
    assert at.driver.talking == MOST_AT_ONCE == 16
    at.wait(20)
    assert [each.value().result for each in outcomes] == ["ok"] * 40
    assert at.driver.most_talking == 16


def test_an_order_that_waits_for_its_turn_is_ended_by_a_newer_one_too(at):
    for number in range(1, 17):
        at.take(number, bmc=number)
    waiting, newer = at.take(17, 1, bmc=17), at.take(17, 2, bmc=17)
    outcome = waiting.value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    at.wait(10)
    assert newer.value().result == "ok"
    assert at.told(17) == ["off"]
