"""Orders to BMCs that are slow, stuck, silent, busy, gone, or refuse."""

import pytest
from twisted.internet.defer import DeferredSemaphore

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcSilent,
    BmcUnreachable,
)
from evenrack.model.power import PowerOutcome
from evenrack.rack.power.order_run import FINISH_SECONDS
from tests.rack.power.story import LIMIT, ok


def test_a_bmc_that_agrees_and_does_nothing_is_told_once_and_has_failed(story):
    story.bmc.state, story.bmc.stuck = "on", True
    outcome = story.finish("cycle")
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "on", True)
    assert outcome.error == "the time is over, and the machine is on"
    assert (story.bmc.told, outcome.retryable) == (["off"], False)


@pytest.mark.parametrize("trouble", [BmcUnreachable, BmcBusy, BmcSilent])
def test_a_look_that_fails_is_repeated(story, trouble):
    story.bmc.troubles["query"] = [trouble("not now")] * 5
    assert story.finish("on") == ok("on")


@pytest.mark.parametrize("trouble", [BmcUnreachable, BmcBusy, BmcSilent])
def test_a_command_that_fails_is_repeated_after_a_look(story, trouble):
    story.bmc.troubles["on"] = [trouble("not now")] * 3
    assert story.finish("on") == ok("on")
    assert story.bmc.looks == 5
    assert story.book.written == ["ON_SENT"] * 4 + ["ON_SEEN"]


def test_a_command_that_was_carried_out_but_not_answered_is_not_repeated(story):
    story.bmc.troubles["on"] = [BmcSilent("nothing came")]
    story.bmc.does_it_silently = True
    assert story.finish("on") == ok("on")
    assert story.bmc.told == ["on"]


def test_a_bmc_that_is_not_there_fails_with_its_reason_and_nothing_was_sent(story):
    story.bmc.troubles["query"], story.bmc.for_ever = [BmcUnreachable("no one is there")], True
    outcome = story.finish("cycle")
    assert outcome == PowerOutcome(
        result="failed",
        state="unknown",
        error="the time is over, and the machine was not seen; the last trouble: no one is there",
        retryable=True,
    )
    assert story.bmc.looks >= LIMIT


@pytest.mark.parametrize("action", ["on", "query"])
def test_a_bmc_that_is_lost_after_a_command_leaves_an_unknown_outcome(story, action):
    story.bmc.turns_in = 5.0
    story.start(action)
    story.wait(1)
    story.bmc.troubles["query"], story.bmc.for_ever = [BmcUnreachable("no one is there")], True
    outcome = story.end()
    if action == "on":
        assert (outcome.result, outcome.state, outcome.sent) == ("unknown", "unknown", True)
        assert not outcome.retryable
    else:
        assert outcome == ok("off", sent=False)


def test_a_command_that_is_never_answered_leaves_an_unknown_outcome(story):
    story.bmc.troubles["on"], story.bmc.for_ever = [BmcSilent("nothing came")], True
    outcome = story.finish("on")
    assert (outcome.result, outcome.state, outcome.error) == (
        "unknown",
        "off",
        "the time is over, and the machine is off; the last trouble: nothing came",
    )


@pytest.mark.parametrize("refusal", [BmcRefusedPassword, BmcRefused])
def test_what_can_never_work_ends_at_once(story, refusal):
    story.bmc.troubles["query"] = [refusal("never")]
    outcome = story.finish("on")
    assert outcome == PowerOutcome(result="failed", state="unknown", error="never")
    assert story.bmc.looks == 1


def test_a_command_that_the_bmc_refuses_has_failed(story):
    story.bmc.troubles["on"] = [BmcRefused("not this")]
    outcome = story.finish("on")
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "off", False)


def test_a_password_that_changes_after_a_command_leaves_an_unknown_outcome(story):
    story.bmc.troubles["query"] = []
    story.bmc.turns_in = 9.0
    story.start("on")
    story.wait(1)
    story.bmc.troubles["query"] = [BmcRefusedPassword("never")]
    assert (story.end().result, story.bmc.told) == ("unknown", ["on"])


def test_a_record_that_can_never_work_ends_the_order(story):
    async def record(before, after):
        raise BmcRefused("this order was cancelled")

    story.record = record
    outcome = story.finish("on")
    assert (outcome.result, outcome.error) == ("failed", "this order was cancelled")
    assert story.bmc.told == []


@pytest.mark.parametrize("action", ["on", "off", "cycle"])
def test_what_nobody_can_see_is_never_turned_on_or_off(story, action):
    story.bmc.state = "unknown"
    outcome = story.finish(action)
    assert (outcome.result, outcome.state, story.bmc.told) == ("failed", "unknown", [])


def test_what_was_seen_after_an_unanswered_command_is_in_doubt_no_more(story):
    story.bmc.state, story.bmc.does_it_silently = "on", True
    story.bmc.troubles["off"] = [BmcSilent("nothing came")]
    real = story.book.record

    async def record(before, after):
        story.lease = after != "OFF_SEEN"
        return await real(before, after)

    story.record = record
    outcome = story.finish("cycle")
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "off", True)
    assert (story.bmc.told, story.book.phase) == (["off"], "OFF_SEEN")


def test_a_cycle_keeps_its_place_from_others_until_the_bmc_agreed_to_turn_on(story):
    story.bmc.state, story.bmc.turns_in = "on", 2.0
    story.bmc.troubles["on"] = [BmcBusy("not now"), BmcUnreachable("gone"), BmcSilent("nothing")]
    places, told_before = DeferredSemaphore(1), []
    story.start("cycle", places=places)
    while "OFF_SEEN" not in story.book.written and not story.running.called:
        story.wait(0.25)
    places.acquire().addCallback(lambda _: told_before.extend(story.bmc.told))
    story.wait(5)
    assert told_before == ["off", "on"]
    places.release()
    assert story.end() == ok("on")
    assert places.tokens == 1


@pytest.mark.parametrize("failing", ["query", "on"])
def test_a_cycle_that_cannot_turn_on_gives_its_place_back_when_its_time_is_over(story, failing):
    story.book.phase, places = "OFF_SEEN", DeferredSemaphore(1)
    story.bmc.troubles[failing], story.bmc.for_ever = [BmcUnreachable("gone")], True
    story.start("cycle", seconds_left=0.0, places=places)
    story.wait(FINISH_SECONDS - 1)
    assert (story.running.called, places.tokens) == (False, 0)
    assert "gone" in story.end().error
    assert places.tokens == 1


def test_a_bmc_that_is_always_busy_may_have_been_told(story):
    story.bmc.troubles["on"], story.bmc.for_ever = [BmcBusy("not now")], True
    outcome = story.finish("on")
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "off", True)
    assert not outcome.retryable
