"""Orders carried out phase by phase: lease, record, deadline, successors."""

import pytest
from twisted.internet.defer import CancelledError

from evenrack.errors import BmcBusy, BmcSilent, BmcUnreachable
from tests.rack.power.story import HIDDEN, ok


@pytest.mark.parametrize("state", ["on", "off"])
def test_a_query_says_what_is_and_changes_nothing(story, state):
    story.bmc.state = state
    assert story.finish("query") == ok(state, sent=False)
    assert (story.bmc.told, story.book.written, story.bmc.looks) == ([], [], 1)


@pytest.mark.parametrize("state", ["on", "off"])
def test_what_is_so_already_is_told_nothing(story, state):
    story.bmc.state = state
    assert story.finish(state) == ok(state, sent=False)
    assert (story.bmc.told, story.book.written) == ([], [])


def test_a_machine_is_turned_on_and_waited_for(story):
    story.bmc.turns_in = 7.5
    assert story.finish("on") == ok("on")
    assert story.bmc.told == ["on"]
    assert story.book.written == ["ON_SENT", "ON_SEEN"]


def test_a_machine_is_turned_off(story):
    story.bmc.state = "on"
    assert story.finish("off") == ok("off")
    assert (story.bmc.told, story.book.written) == (["off"], ["OFF_SENT", "OFF_SEEN"])


def test_a_cycle_is_four_recorded_phases(story):
    story.bmc.state, story.bmc.turns_in = "on", 3.0
    assert story.finish("cycle") == ok("on")
    assert story.bmc.told == ["off", "on"]
    assert story.book.written == ["OFF_SENT", "OFF_SEEN", "ON_SENT", "ON_SEEN"]


def test_a_cycle_of_a_machine_that_is_off_turns_it_on(story):
    assert story.finish("cycle") == ok("on")
    assert story.bmc.told == ["on"]


@pytest.mark.parametrize("action", ["on", "off", "cycle", "query"])
def test_without_a_lease_an_order_is_not_begun(story, action):
    story.lease = False
    outcome = story.finish(action)
    assert (outcome.result, outcome.sent, outcome.retryable) == ("failed", False, True)
    assert (story.bmc.looks, story.bmc.told, story.book.written) == (0, [], [])


def test_a_lease_that_comes_soon_is_waited_for(story):
    """After the database was away no rack has one, and none must count as one that has tried."""
    story.lease = False
    story.start("on")
    story.wait(2)
    assert not story.running.called
    assert story.bmc.looks == 0
    story.lease = True
    assert story.end() == ok("on")


def test_a_lease_is_not_waited_for_beyond_the_deadline(story):
    story.lease = False
    story.start("on", seconds_left=1)
    story.wait(1.25)
    assert story.running.called


def test_a_lease_that_ends_before_the_command_is_recorded_stops_it(story):
    story.bmc.answers_in = 2.0
    story.start("on")
    story.lease = False
    outcome = story.end()
    assert (outcome.result, outcome.sent, outcome.retryable) == ("failed", False, True)
    assert (story.bmc.told, story.book.written) == ([], [])


def test_a_lease_that_ends_while_the_command_is_recorded_stops_it(story):
    real = story.book.record

    async def record(before, after):
        story.lease = False
        return await real(before, after)

    story.record = record
    outcome = story.finish("on")
    assert (outcome.result, outcome.sent, outcome.state) == ("failed", False, "off")
    assert (story.bmc.told, story.book.written) == ([], ["ON_SENT"])


def test_a_cycle_without_a_lease_leaves_the_machine_off(story):
    story.bmc.state, story.bmc.turns_in = "on", 5.0
    story.start("cycle")
    story.wait(1)
    story.lease = False
    outcome = story.end()
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "off", True)
    assert outcome.retryable, "a successor goes on from what is recorded"
    assert (story.bmc.told, story.book.phase) == (["off"], "OFF_SEEN")


def test_an_order_that_was_taken_over_sends_nothing_more(story):
    story.bmc.state, story.bmc.turns_in = "on", 5.0
    story.start("cycle")
    story.wait(1)
    story.book.mine = False
    outcome = story.end()
    assert (outcome.retryable, outcome.sent) == (False, True)
    assert story.bmc.told == ["off"]


def test_an_order_that_was_taken_over_at_once_sends_nothing(story):
    story.book.mine = False
    outcome = story.finish("on")
    assert (outcome.result, outcome.sent, story.bmc.told) == ("failed", False, [])


def test_nothing_is_sent_until_it_can_be_recorded(story):
    story.book.unreachable = True
    story.start("cycle")
    story.wait(10)
    assert story.bmc.told == []
    story.book.unreachable = False
    assert story.end() == ok("on")
    assert story.book.written[-2:] == ["ON_SENT", "ON_SEEN"]


def test_what_can_never_be_recorded_fails_and_was_not_sent(story):
    story.book.unreachable = True
    outcome = story.finish("on")
    assert (outcome.result, outcome.sent, outcome.retryable) == ("failed", False, True)
    assert "there is no database" in outcome.error


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_cycle_of_which_off_is_recorded_is_finished_without_a_database(story, comes_back):
    story.bmc.state, story.bmc.turns_in = "on", 3.0
    story.start("cycle")
    story.wait(1)
    story.book.unreachable = True
    story.wait(4)
    story.book.unreachable = not comes_back
    assert story.end() == ok("on")
    assert story.bmc.told == ["off", "on"]
    assert story.book.phase == ("ON_SEEN" if comes_back else "OFF_SENT")


def test_no_machine_is_turned_off_twice_without_a_database(story):
    story.bmc.state = "on"
    story.bmc.troubles["off"] = [BmcSilent("nothing came")]
    story.start("cycle")
    story.wait(0.25)
    story.book.unreachable = True
    outcome = story.end()
    assert (outcome.result, outcome.state, story.bmc.told) == ("unknown", "on", [])


def test_a_rack_that_no_region_hears_turns_nothing_on_of_which_only_off_sent_is_recorded(story):
    """It is taken over, and its successor would turn the machine off again."""
    story.bmc.state = "on"
    story.start("cycle")
    story.wait(0.5)
    assert story.book.phase == "OFF_SENT"
    story.book.cut_off = True
    story.wait(4)
    assert story.bmc.told == ["off"]
    story.lease = False
    outcome = story.end()
    assert (outcome.retryable, story.bmc.told, story.bmc.state) == (True, ["off"], "off")


def test_a_rack_that_no_region_hears_finishes_a_cycle_that_is_recorded_as_off(story):
    story.bmc.state = "on"
    story.bmc.troubles["on"] = [BmcBusy("not now")]
    story.start("cycle")
    story.wait(1.25)
    assert (story.book.phase, story.bmc.state) == ("ON_SENT", "off")
    story.book.cut_off = True
    assert story.end() == ok("on")
    assert story.bmc.told == ["off", "on"]


@pytest.mark.parametrize("lost", [{"OFF_SEEN"}, {"ON_SENT"}, {"OFF_SEEN", "ON_SENT"}, {"ON_SEEN"}])
def test_a_cycle_that_goes_on_without_an_answer_is_not_taken_for_one_that_was_taken_over(
    story, lost
):
    story.bmc.state = "on"
    story.bmc.turns_in = 1.0
    story.book.lost = set(lost)
    assert story.finish("cycle") == ok("on")
    assert story.bmc.told == ["off", "on"]
    assert not story.book.lost


def test_a_recorded_phase_whose_answer_was_lost_is_recorded_once_more(story):
    real, lost = story.book.record, [True]

    async def record(before, after):
        done = await real(before, after)
        story.book.unreachable = False
        if lost:
            lost.clear()
            raise BmcUnreachable("the answer was lost")
        return done

    story.record = record
    assert story.finish("on") == ok("on")
    assert story.bmc.told == ["on"]


@pytest.mark.parametrize(
    ("action", "phase", "state", "told"),
    [
        ("cycle", "OFF_SENT", "on", ["off", "on"]),
        ("cycle", "OFF_SENT", "off", ["on"]),
        ("cycle", "OFF_SEEN", "off", ["on"]),
        ("cycle", "OFF_SEEN", "on", []),
        ("cycle", "ON_SENT", "off", ["on"]),
        ("cycle", "ON_SENT", "on", []),
        ("cycle", "ON_SEEN", "on", []),
        ("on", "ON_SENT", "off", ["on"]),
        ("off", "OFF_SENT", "on", ["off"]),
    ],
)
def test_a_successor_goes_on_from_the_recorded_phase(story, action, phase, state, told):
    story.book.phase, story.bmc.state = phase, state
    assert story.finish(action) == ok("off" if action == "off" else "on")
    assert story.bmc.told == told


def test_after_the_deadline_a_successor_does_not_turn_off_again(story):
    story.book.phase, story.bmc.state = "OFF_SENT", "on"
    outcome = story.finish("cycle", seconds_left=0.0)
    assert (outcome.result, outcome.state, outcome.sent) == ("unknown", "on", True)
    assert (outcome.retryable, story.bmc.told) == (False, [])


@pytest.mark.parametrize("phase", ["OFF_SENT", "OFF_SEEN", "ON_SENT"])
def test_after_the_deadline_a_successor_turns_on_what_a_cycle_turned_off(story, phase):
    story.book.phase = phase
    assert story.finish("cycle", seconds_left=-5.0) == ok("on")
    assert story.bmc.told == ["on"]


def test_a_cycle_that_sees_off_late_has_time_to_turn_on(story):
    story.bmc.state, story.bmc.turns_in = "on", 9.0
    assert story.finish("cycle", seconds_left=10.0) == ok("on")


@pytest.mark.parametrize("action", ["on", "cycle"])
def test_after_the_deadline_nothing_new_is_begun(story, action):
    story.bmc.state = "off" if action == "on" else "on"
    outcome = story.finish(action, seconds_left=0.0)
    assert (outcome.result, outcome.sent, outcome.retryable) == ("failed", False, True)
    assert story.bmc.told == []


def test_what_somebody_turned_off_again_is_not_turned_on_again(story):
    story.book.phase = "ON_SEEN"
    outcome = story.finish("on")
    assert (outcome.result, outcome.state, story.bmc.told) == ("failed", "off", [])
    assert "turned it off again" in outcome.error


def test_a_cancelled_order_stops(story):
    story.bmc.answers_in = 3.0
    story.start("on")
    story.wait(1)
    story.running.cancel()
    failures = []
    story.running.addErrback(failures.append)
    assert failures[0].check(CancelledError)
    story.wait(60)
    assert story.bmc.told == []


def test_the_log_tells_what_is_sent_and_why_and_no_password(story, logged):
    story.finish("on")
    assert [line for line in logged() if "order" in line] == [
        "order 1, attempt 1: send on to BMC 1, which is off"
    ]
    assert HIDDEN not in repr(logged())
