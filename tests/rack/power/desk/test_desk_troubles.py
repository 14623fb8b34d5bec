"""The desk of power orders: bugs, silence, a stop, and what is done without a lease."""

from evenrack.errors import BmcBusy, BmcSilent
from tests.wire.both_ends import Outcome


def test_a_bug_in_the_driver_is_told_as_unknown_and_the_desk_goes_on(at, logged_failures):
    at.driver.bug = ZeroDivisionError("hidden word")
    outcome = at.take().value()
    assert (outcome.result, outcome.state) == ("unknown", "unknown")
    assert "hidden word" not in outcome.error
    logged_failures.take(ZeroDivisionError)
    at.driver.bug = None
    assert at.take().value() == outcome
    again = at.take(2)
    at.wait(5)
    assert again.value().result == "ok"


def test_a_bmc_that_is_silent_or_busy_is_looked_at_before_it_is_told_again(at):
    at.bmc().troubles = {"off": [BmcSilent("nothing heard"), BmcBusy("later")]}
    outcome = at.take()
    at.wait(20)
    assert outcome.value().result == "ok"
    assert at.told() == ["off", "off", "off"]
    assert at.bmc().looks >= 4


def test_a_password_that_is_refused_fails_at_once_and_nothing_is_sent(at):
    at.machines.opened_by = "another word"
    outcome = at.take().value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", False, False)
    assert at.told() == []


def test_a_stop_ends_all_and_what_sent_nothing_is_another_rack_s_to_do(at):
    outcomes = [at.take(n, bmc=n) for n in range(1, 41)]
    at.driver.ends_in = 2.0
    stopping = Outcome(at.desk.stopService())
    at.wait(1)
    assert not stopping.is_there
    at.wait(2)
    assert stopping.is_there
    assert at.driver.talking == 0
    for each in outcomes:
        outcome = each.value()
        assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    at.wait(60)
    assert at.machines.told == []
    assert at.clock.getDelayedCalls() == []


def test_a_stop_in_the_middle_answers_nobody_so_that_a_successor_goes_on_from_its_phase(at):
    at.bmc().turns_in = 10.0
    outcome = at.take(action="cycle")
    at.wait(3)
    assert at.told() == ["off"]
    assert Outcome(at.desk.stopService()).is_there
    at.clock.advance(60)
    assert not outcome.is_there
    assert at.told() == ["off"]


def test_a_desk_that_was_stopped_takes_nothing(at):
    Outcome(at.desk.stopService()).value()
    outcome = at.take().value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    assert (at.told(), at.phases) == ([], [])


def test_without_a_lease_nothing_is_done_and_another_rack_may_do_it(at):
    at.lease = False
    taken = at.take()
    at.wait(3)
    outcome = taken.value()
    assert (outcome.result, outcome.retryable, outcome.sent) == ("failed", True, False)
    assert at.bmc().looks == 0
