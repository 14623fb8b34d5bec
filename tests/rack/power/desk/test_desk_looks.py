"""The desk of power orders: looks that nobody ordered have their own places; orders end them."""

from evenrack.errors import BmcSilent
from evenrack.model.power import NO_ORDER
from evenrack.rack.power.desk import MOST_LOOKS_AT_ONCE
from tests.rack.power.desk.at_desk import AtDesk


def look(at, bmc=1, turn=1):
    return at.take(NO_ORDER, turn, action="query", bmc=bmc)


def test_a_look_is_answered_with_the_state_and_counts_for_nothing(at):
    first = look(at)
    at.wait(1)
    assert (first.value().result, first.value().state) == ("ok", "on")
    at.bmc().press("off")
    again = look(at)
    at.wait(1)
    assert again.value().state == "off", "nothing is remembered"
    at.bmc().press("on")
    order = at.take(1, 1)
    at.wait(5)
    assert order.value().result == "ok"
    after = look(at)
    at.wait(1)
    assert after.value().state == "off"
    assert (at.told(), at.phases) == (["off"], [(1, 1, "OFF_SENT"), (1, 1, "OFF_SEEN")])


def test_a_look_that_fails_says_why_and_is_not_repeated(at):
    at.bmc().troubles["query"] = [BmcSilent("no answer")]
    outcome = look(at)
    at.wait(1)
    assert (outcome.value().result, outcome.value().error) == ("failed", "no answer")
    assert not outcome.value().retryable
    assert at.bmc().looks == 1


def test_while_an_order_is_under_way_nobody_else_looks(at):
    at.bmc().turns_in = 5.0
    at.take()
    at.wait(2)
    looks = at.bmc().looks
    refused = look(at).value()
    assert (refused.result, refused.retryable, at.bmc().looks) == ("failed", True, looks)


def test_an_order_ends_a_look_and_does_not_wait_for_it(at):
    at.bmc().answers_in = 8.0
    ended = look(at)
    at.wait(1)
    at.bmc().answers_in = 0.5
    order = at.take()
    at.wait(3)
    assert ended.value().retryable
    assert order.value().result == "ok"
    assert at.driver.most_talking == 1


def test_looks_have_8_places_of_their_own_and_keep_none_from_orders(at):
    looks = [look(at, bmc=n) for n in range(1, 21)]
    at.wait(0.25)
    assert at.driver.talking == MOST_LOOKS_AT_ONCE == 8
    order = at.take(bmc=40)
    at.wait(0.25)
    assert at.driver.talking >= 8
    at.wait(5)
    assert order.value().result == "ok"
    assert {each.value().result for each in looks} == {"ok"}


def test_without_a_lease_and_twice_at_once_nobody_looks(at):
    look(at)
    assert look(at).value().retryable
    at.wait(1)
    at.lease = False
    assert look(at).value().retryable
    assert at.bmc().looks == 1


def test_a_stop_ends_looks(at):
    ended = look(at)
    at.desk.stopService()
    at.wait(0.25)
    assert ended.value().retryable
    assert look(at).value().retryable


def test_a_rack_that_is_set_to_less_does_less_at_once():
    at = AtDesk(most_at_once=2, most_looks_at_once=1)
    outcomes = [at.take(n, bmc=n) for n in range(1, 7)]
    looks = [look(at, bmc=n) for n in range(21, 25)]
    at.wait(0.25)
    assert at.driver.talking == 2 + 1
    at.wait(20)
    assert {each.value().result for each in (*outcomes, *looks)} == {"ok"}
    assert at.driver.most_talking == 2 + 1
