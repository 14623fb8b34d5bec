"""Orders carried out: stories with a BMC in memory and a clock that a test moves."""

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest
from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcSilent,
    BmcUnreachable,
)
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import BmcAccess, PowerOrder, PowerOutcome
from evenrack.rack.power.order_run import FINISH_SECONDS, run_order
from tests.rack.power.small_bmc import Book, SmallBmc

HIDDEN = "hidden word"
ACCESS = BmcAccess(address=IPv4Address("10.0.0.9"), user="me", password=HIDDEN)
LIMIT = 30.0


@define(kw_only=True)
class Story:
    """One rack, one BMC, one row."""

    clock: Clock = field(factory=Clock)
    bmc: SmallBmc = field()
    book: Book = field(factory=Book)
    lease: bool = True
    record: Callable | None = None
    """Instead of the book's own."""
    running: Deferred | None = None

    @bmc.default
    def _bmc(self):
        return SmallBmc(clock=self.clock)

    def start(self, action, *, seconds_left=LIMIT):
        order = PowerOrder(
            id=OrderId(1),
            attempt=1,
            bmc=BmcId(1),
            access=ACCESS,
            action=action,
            phase=self.book.phase,
            seconds_left=seconds_left,
        )
        self.running = Deferred.fromCoroutine(
            run_order(
                order, self.bmc, self.record or self.book.record, lambda: self.lease, self.clock
            )
        )

    def wait(self, seconds):
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)

    def finish(self, action, **more):
        """Run an order to its end, in more than enough time."""
        self.start(action, **more)
        return self.end()

    def end(self):
        self.wait(LIMIT + FINISH_SECONDS + 20)
        assert self.running.called, "it never ends"
        assert self.clock.getDelayedCalls() == []
        outcome = []
        self.running.addCallback(outcome.append)
        return outcome[0]


@pytest.fixture
def story():
    return Story()


def ok(state, *, sent=True):
    return PowerOutcome(result="ok", state=state, sent=sent)


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


def test_what_somebody_turned_off_again_is_not_turned_on_again(story):
    story.book.phase = "ON_SEEN"
    outcome = story.finish("on")
    assert (outcome.result, outcome.state, story.bmc.told) == ("failed", "off", [])
    assert "turned it off again" in outcome.error


@pytest.mark.parametrize("action", ["on", "off", "cycle"])
def test_what_nobody_can_see_is_never_turned_on_or_off(story, action):
    story.bmc.state = "unknown"
    outcome = story.finish(action)
    assert (outcome.result, outcome.state, story.bmc.told) == ("failed", "unknown", [])


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
