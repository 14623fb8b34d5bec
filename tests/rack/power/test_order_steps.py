"""What an order needs next: for every action, phase and state."""

from itertools import product

import pytest

from evenrack.model.power import PHASES, SENT_ONCE
from evenrack.rack.power.order_steps import (
    PHASE_AFTER,
    Known,
    done,
    may_go_unrecorded,
    must_finish,
    next_step,
    stopped,
)

CASES = [(action, phase) for action in PHASES for phase in PHASES[action]]
STATES = ("on", "off")
ENDS = {"done", "undone", "unfit"}
ONCE = [(action, phase) for action, phase in CASES if action in SENT_ONCE]


def walk(action, phase, state):
    """Take steps with a machine that does what it is told; give the steps and the last state."""
    steps = []
    while not ENDS & set(steps):
        step = next_step(action, phase, state)
        steps.append(step)
        phase = PHASE_AFTER.get(step, phase)
        state = {"send off": "off", "send on": "on", "send soft": "off"}.get(step, state)
        if step == "look":  # it goes off by and by, or comes back
            state = "off" if action == "soft" else "on"
        assert len(steps) < 10, steps
    return steps, state


@pytest.mark.parametrize(("action", "phase"), CASES)
def test_what_nobody_can_see_is_only_looked_at(action, phase):
    assert next_step(action, phase, "unknown") == "look"


@pytest.mark.parametrize(("action", "phase", "state"), [(*c, s) for c, s in product(CASES, STATES)])
def test_an_order_is_brought_to_its_end_from_every_phase(action, phase, state):
    steps, last = walk(action, phase, state)
    wanted = {"off": "off", "soft": "off", "query": state}.get(action, "on")
    assert (last == wanted) == (steps[-1] == "done")
    assert [step for step in steps if step.startswith("send")] == sorted(
        {step for step in steps if step.startswith("send")}
    ), "off before on, and each at most once"


@pytest.mark.parametrize(("action", "phase", "state"), [(*c, s) for c, s in product(CASES, STATES)])
def test_a_machine_that_started_from_elsewhere_is_not_taken_for_one_that_is_as_it_should_be(
    action, phase, state
):
    step, plain = (next_step(action, phase, state, from_there=each) for each in (False, True))
    if state == "on" and plain in {"done", "note on"}:
        assert step == "unfit"
    else:
        assert step == plain


@pytest.mark.parametrize(("action", "phase", "state"), [(*c, s) for c, s in product(CASES, STATES)])
def test_phases_only_go_forwards(action, phase, state):
    step = next_step(action, phase, state)
    after = PHASE_AFTER.get(step, phase)
    order = PHASES[action]
    assert order.index(after) >= order.index(phase)


def test_a_cycle_of_a_machine_that_is_on_turns_it_off_and_on():
    assert walk("cycle", "NEW", "on")[0] == ["send off", "note off", "send on", "note on", "done"]


def test_a_cycle_of_a_machine_that_is_off_turns_it_on():
    assert walk("cycle", "NEW", "off")[0] == ["note off", "send on", "note on", "done"]


@pytest.mark.parametrize("state", STATES)
def test_after_off_was_seen_a_cycle_never_turns_off_again(state):
    for phase in ("OFF_SEEN", "ON_SENT", "ON_SEEN"):
        assert "send off" not in walk("cycle", phase, state)[0]


def test_what_is_as_it_should_be_is_told_nothing():
    assert walk("on", "NEW", "on")[0] == ["done"]
    assert walk("off", "NEW", "off")[0] == ["done"]


@pytest.mark.parametrize(
    ("action", "phase", "state"),
    [("on", "ON_SEEN", "off"), ("off", "OFF_SEEN", "on"), ("cycle", "ON_SEEN", "off")],
)
def test_what_somebody_undid_is_not_done_again(action, phase, state):
    assert walk(action, phase, state)[0] == ["undone"]


@pytest.mark.parametrize(("action", "phase"), ONCE)
@pytest.mark.parametrize("state", STATES)
def test_soft_and_reset_are_sent_from_the_beginning_and_never_again(action, phase, state):
    sends = [step for step in walk(action, phase, state)[0] if step.startswith("send")]
    begins = phase == "NEW" and state == "on"
    assert sends == ([f"send {action}"] if begins else [])


def test_a_reset_of_a_machine_that_is_off_is_not_sent():
    assert walk("reset", "NEW", "off")[0] == ["unfit"]


def test_a_soft_of_a_machine_that_is_off_is_done():
    assert walk("soft", "NEW", "off")[0] == ["done"]


def test_only_a_cycle_that_has_seen_off_must_finish():
    found = [case for case in CASES if must_finish(*case)]
    assert found == [("cycle", "OFF_SEEN"), ("cycle", "ON_SENT")]


@pytest.mark.parametrize(
    ("action", "phase", "seen", "step"),
    [
        ("cycle", "OFF_SENT", "on", "look"),
        ("cycle", "OFF_SENT", "off", "note off"),
        ("cycle", "NEW", "on", "send off"),
        ("off", "OFF_SENT", "on", "send off"),
        ("cycle", "OFF_SEEN", "off", "send on"),
    ],
)
def test_what_may_have_been_off_unrecorded_is_not_turned_off_again(action, phase, seen, step):
    assert next_step(action, phase, seen, unrecorded=True) == step


def sent_unrecorded(*, region_hears):
    """Give each command that is sent although its phase cannot be recorded."""
    return {
        (action, recorded, phase)
        for action in PHASES
        for recorded, phase in product(PHASES[action], repeat=2)
        if phase.endswith("_SENT")
        and may_go_unrecorded(action, recorded, phase, region_hears=region_hears)
    }


def test_nothing_is_sent_unrecorded_but_the_second_half_of_a_cycle():
    second_half = {("cycle", phase, "ON_SENT") for phase in PHASES["cycle"] if phase != "NEW"}
    assert sent_unrecorded(region_hears=True) == second_half


def test_a_machine_that_is_not_recorded_as_off_is_turned_on_only_while_a_region_hears_the_rack():
    """Or a successor sees it on at OFF_SENT, and turns it off again."""
    at_off_sent = {("cycle", "OFF_SENT", "ON_SENT")}
    assert sent_unrecorded(region_hears=False) == sent_unrecorded(region_hears=True) - at_off_sent


@pytest.mark.parametrize("region_hears", [True, False])
def test_seeing_something_needs_no_record(region_hears):
    for action in ("off", "cycle"):
        assert may_go_unrecorded(action, "NEW", "OFF_SEEN", region_hears=region_hears)


@pytest.mark.parametrize(
    ("seen", "sent", "in_doubt", "result"),
    [
        ("off", False, False, "failed"),
        ("unknown", False, False, "failed"),
        ("off", True, False, "failed"),
        ("unknown", True, False, "unknown"),
        ("off", True, True, "unknown"),
        ("unknown", True, True, "unknown"),
    ],
)
def test_a_failure_is_one_only_when_nothing_can_happen_any_more(seen, sent, in_doubt, result):
    outcome = stopped(Known(seen=seen, sent=sent, in_doubt=in_doubt), "because", retryable=not sent)
    assert (outcome.result, outcome.state, outcome.sent) == (result, seen, sent)
    assert (outcome.error, outcome.retryable) == ("because", not sent)


def test_what_is_done_has_no_error():
    outcome = done(Known(seen="on", sent=True, in_doubt=True))
    assert (outcome.result, outcome.state, outcome.error, outcome.sent) == ("ok", "on", "", True)
