"""Orders with a boot device: told before whatever starts the machine, and never left out."""

import pytest
from attrs import evolve

from evenrack.errors import BmcRefused, BmcSilent, BmcUnreachable
from tests.rack.power.story import ok

REFUSED = BmcRefused("the BMC does not do boot once from pxe")


def test_a_machine_is_turned_on_from_the_device(story):
    assert story.finish("on", boot="pxe") == ok("on")
    assert story.bmc.told == ["boot pxe", "on"]
    assert story.book.written == ["ON_SENT", "ON_SEEN"]


def test_a_cycle_sets_the_device_before_it_turns_off_and_again_before_it_turns_on(story):
    story.bmc.state = "on"
    assert story.finish("cycle", boot="bios") == ok("on")
    assert story.bmc.told == ["boot bios", "off", "boot bios", "on"]
    assert story.book.written == ["OFF_SENT", "OFF_SEEN", "ON_SENT", "ON_SEEN"]


def test_a_reset_restarts_from_the_device(story):
    story.bmc.state = "on"
    assert story.finish("reset", boot="disk") == ok("on")
    assert story.bmc.told == ["boot disk", "reset"]


def test_a_machine_that_is_on_is_not_said_to_have_started_from_the_device(story):
    story.bmc.state = "on"
    outcome = story.finish("on", boot="pxe")
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "on", False)
    assert outcome.error == "it is on, but not by this order: `cycle` has it start from pxe"
    assert (story.bmc.told, story.book.written) == ([], [])


@pytest.mark.parametrize(("action", "state"), [("on", "off"), ("cycle", "on"), ("reset", "on")])
def test_a_bmc_that_refuses_the_device_has_nothing_switched(story, action, state):
    story.bmc.state, story.bmc.troubles = state, {"boot": [REFUSED]}
    outcome = story.finish(action, boot="pxe")
    assert (outcome.result, outcome.state, outcome.retryable) == ("failed", state, False)
    assert (outcome.error, outcome.sent) == (str(REFUSED), False), "and so it is not set"
    assert story.bmc.told == []


def test_a_bmc_that_refuses_the_device_once_its_machine_is_off_is_not_turned_on_without(story):
    story.bmc.state = "on"
    story.start("cycle", boot="pxe")
    story.wait(0.25)
    assert story.bmc.told == ["boot pxe", "off"]
    story.bmc.troubles = {"boot": [REFUSED]}
    outcome = story.end()
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "off", True)
    assert outcome.error == f"{REFUSED}; its next start may be from pxe"
    assert story.bmc.told == ["boot pxe", "off"]


@pytest.mark.parametrize(("action", "told"), [("on", []), ("cycle", ["boot pxe", "off"])])
def test_a_device_whose_setting_is_not_answered_is_set_again_before_anything_is_switched(
    story, action, told
):
    story.bmc.state = "off" if action == "on" else "on"
    story.bmc.troubles = {"boot": [BmcSilent("no answer")]}
    assert story.finish(action, boot="pxe") == ok("on")
    assert story.bmc.told == [*told, "boot pxe", "on"]


@pytest.mark.parametrize(("phase", "state"), [("OFF_SENT", "on"), ("OFF_SENT", "off")])
def test_who_takes_a_cycle_over_at_its_off_sets_the_device_before_each_command(story, phase, state):
    story.book.phase, story.bmc.state = phase, state
    assert story.finish("cycle", boot="pxe") == ok("on")
    assert story.bmc.told == [*(["boot pxe", "off"] if state == "on" else []), "boot pxe", "on"]


@pytest.mark.parametrize(("action", "phase"), [("cycle", "ON_SENT"), ("on", "ON_SENT")])
def test_where_it_may_have_started_already_who_sets_the_device_again_says_so(story, action, phase):
    """The first start may have used up what it was told, and then the second setting stays."""
    story.book.phase = phase
    told_twice = "the start after this one may be from pxe, too: its BMC was told it twice"
    assert story.finish(action, boot="pxe") == evolve(ok("on"), error=told_twice)
    assert story.bmc.told == ["boot pxe", "on"]


def test_and_so_does_a_rack_whose_command_was_not_answered(story):
    story.bmc.troubles = {"on": [BmcSilent("no answer")]}
    outcome = story.finish("on", boot="pxe")
    assert (outcome.result, "the start after this one may be from pxe" in outcome.error) == (
        *("ok", True),
    )
    assert story.bmc.told == ["boot pxe", "boot pxe", "on"]


@pytest.mark.parametrize("phase", ["OFF_SEEN", "ON_SENT", "ON_SEEN"])
def test_who_takes_a_cycle_over_that_is_on_again_tells_its_bmc_nothing(story, phase):
    """The BMC was told the device before the machine went off."""
    story.book.phase, story.bmc.state = phase, "on"
    assert story.finish("cycle", boot="pxe") == ok("on")
    assert story.bmc.told == []


def test_a_machine_that_somebody_turned_on_before_the_device_was_set_is_not_as_it_should_be(story):
    story.bmc.troubles = {"boot": [BmcUnreachable("nobody answers")]}
    story.start("on", boot="pxe")
    story.wait(0.25)
    assert story.book.phase == "ON_SENT"
    story.bmc.press("on")
    outcome = story.end()
    assert (outcome.result, outcome.sent, story.bmc.told) == ("failed", False, [])
    assert outcome.error == "it is on, but not by this order: `cycle` has it start from pxe"


def test_a_restart_whose_device_is_not_answered_is_not_begun(story):
    story.bmc.state, story.bmc.troubles = "on", {"boot": [BmcSilent("no answer")]}
    outcome = story.finish("reset", boot="pxe")
    assert (outcome.result, outcome.retryable, story.bmc.told) == ("failed", False, [])
    assert outcome.error == "no answer; its next start may be from pxe"


def test_a_device_that_is_set_when_the_time_is_over_switches_nothing_any_more(story):
    story.bmc.state, story.bmc.answers_in = "on", 3.0
    outcome = story.finish("cycle", boot="pxe", seconds_left=5.0)
    assert (outcome.result, outcome.state, story.bmc.told) == ("failed", "on", ["boot pxe"])
    assert "the time is over" in outcome.error
    assert outcome.error.endswith("; its next start may be from pxe")


def test_a_rack_that_loses_its_lease_while_it_sets_the_device_switches_nothing(story):
    story.bmc.state, story.bmc.answers_in = "on", 3.0
    story.start("cycle", boot="pxe")
    story.wait(4)
    story.lease = False
    outcome = story.end()
    assert story.bmc.told == ["boot pxe"]
    assert outcome.retryable
    assert outcome.error.endswith("; its next start may be from pxe")
