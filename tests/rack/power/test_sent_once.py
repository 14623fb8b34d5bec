"""`soft` and `reset`: each is sent once, whatever happens, and nothing is made up about its end."""

import pytest
from twisted.internet.defer import DeferredSemaphore

from evenrack.errors import BmcBusy, BmcSilent, BmcUnreachable
from tests.rack.power.story import LIMIT, ok

SILENT = BmcSilent("nothing came")
NOT_DONE = [BmcBusy("not now"), BmcUnreachable("no one is there")]


@pytest.fixture
def on(story):
    story.bmc.state = "on"
    return story


def test_a_soft_is_done_when_the_machine_is_off(on):
    on.bmc.turns_in = 12.0
    assert on.finish("soft") == ok("off")
    assert (on.bmc.told, on.book.written) == (["soft"], ["OFF_SENT", "OFF_SEEN"])


def test_a_reset_is_done_when_the_bmc_agreed_and_the_machine_is_on(on):
    assert on.finish("reset") == ok("on")
    assert (on.bmc.told, on.book.written) == (["reset"], ["RESET_SENT"])


def test_what_is_off_is_off_already_and_is_not_restarted(story):
    assert story.finish("soft") == ok("off", sent=False)
    outcome = story.finish("reset")
    assert (outcome.result, outcome.sent, outcome.retryable) == ("failed", False, False)
    assert outcome.error == "it is off, and only what is on can be restarted: `on` turns it on"
    assert (story.bmc.told, story.book.written) == ([], [])


def test_a_system_that_does_not_shut_down_may_do_so_later_and_nobody_knows(on):
    on.bmc.stuck = True
    outcome = on.finish("soft")
    assert (outcome.result, outcome.state, on.bmc.told) == ("unknown", "on", ["soft"])
    assert "may still shut down" in outcome.error


@pytest.mark.parametrize("action", ["soft", "reset"])
@pytest.mark.parametrize("trouble", NOT_DONE)
def test_what_a_bmc_did_not_take_has_failed_and_is_not_sent_again(on, action, trouble):
    on.bmc.troubles[action] = [trouble]
    outcome = on.finish(action)
    assert (outcome.result, outcome.state, outcome.error) == ("failed", "on", str(trouble))
    assert (on.bmc.told, len(on.book.written), outcome.retryable) == ([], 1, False)


@pytest.mark.parametrize("does_it", [True, False])
def test_a_reset_without_an_answer_is_unknown_and_not_sent_again(on, does_it):
    on.bmc.troubles["reset"], on.bmc.does_it_silently = [SILENT], does_it
    outcome = on.finish("reset")
    assert (outcome.result, outcome.error) == ("unknown", "nothing came")
    assert on.bmc.told == (["reset"] if does_it else [])


@pytest.mark.parametrize(("does_it", "result"), [(True, "ok"), (False, "unknown")])
def test_a_soft_without_an_answer_is_looked_after_and_not_sent_again(on, does_it, result):
    on.bmc.troubles["soft"], on.bmc.does_it_silently = [SILENT], does_it
    assert on.finish("soft").result == result
    assert (on.bmc.told, on.book.written[0]) == (["soft"] if does_it else [], "OFF_SENT")


@pytest.mark.parametrize(("action", "phase"), [("soft", "OFF_SENT"), ("reset", "RESET_SENT")])
def test_a_rack_that_was_restarted_after_sending_sends_nothing_and_does_not_say_ok(
    on, action, phase
):
    on.book.phase = phase
    assert on.finish(action).result == "unknown"
    assert (on.bmc.told, on.book.written) == ([], [])


@pytest.mark.parametrize("action", ["soft", "reset"])
def test_a_look_that_fails_before_or_after_it_does_no_harm(on, action):
    on.bmc.troubles["query"] = [SILENT, SILENT]
    on.start(action)
    on.wait(4)
    on.bmc.troubles["query"] = [SILENT, SILENT]
    assert on.end().result == "ok"
    assert on.bmc.told == [action]


def test_between_two_looks_an_order_keeps_no_place_from_others(on):
    on.bmc.stuck = True
    places = DeferredSemaphore(1)
    on.start("soft", places=places)
    on.wait(LIMIT / 2)
    assert (on.bmc.told, places.tokens) == (["soft"], 1)
    assert on.end().result == "unknown"
