"""Rounds of cycles are drawn the same for the same seed, and each order is judged right."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.lab.bmc.chassis import Told
from evenrack.model.moments import as_text
from tests.together.cycle_judge import MOST_SECONDS, Loss, Run, complaints, story, what_is_wrong
from tests.together.cycle_plan import (
    LOSSES,
    MOST_IDLE,
    USUAL_SEED,
    NothingMet,
    draw_round,
    is_enough,
    target_of,
)

MACHINES = tuple(f"m{number}" for number in range(1, 21))
OWNERS = {machine: f"rack{number % 5}" for number, machine in enumerate(MACHINES)}
SEEDS = st.integers(0, 2**32)
BEGAN = 1_800_000_000.0


@given(SEEDS)
def test_the_same_seed_draws_the_same_round(seed):
    assert draw_round(seed, MACHINES) == draw_round(seed, MACHINES)


def test_other_seeds_draw_other_rounds():
    assert len({str(draw_round(seed, MACHINES)) for seed in range(20)}) == 20


def test_a_round_stays_what_it_was():
    """Or the seed of a failure that was noted tells nothing any more."""
    drawn = draw_round(1, MACHINES)
    assert [str(each) for each in drawn.breaks] == [
        "rack hung after 6.5 s for 0.7 s",
        "rack cut from the regions after 0.3 s for 5.7 s",
        "rack killed after 7.6 s for 1.9 s",
        "region process killed after 2.7 s for 1.7 s",
    ]
    assert (drawn.machines[:3], drawn.slow["m1"]) == (("m4", "m11", "m1"), 1.3)


@given(SEEDS)
def test_each_break_meets_another_rack_and_one_rack_is_left(seed):
    drawn = draw_round(seed, MACHINES)
    victims = drawn.victims(OWNERS)
    if [each.how for each in drawn.breaks] == ["database killed"]:
        assert victims == dict.fromkeys(set(OWNERS.values()), drawn.breaks[0])
    else:
        assert Counter(victims.values()) == Counter(drawn.breaks)
        assert len(victims) == 4
        assert len(LOSSES & {each.how for each in victims.values()}) == 3


def test_breaks_go_to_the_owners_of_the_machines_that_were_drawn_first():
    drawn = draw_round(1, MACHINES)
    (first, *_) = drawn.machines
    assert drawn.victims(OWNERS)[OWNERS[first]] == drawn.breaks[0]
    same = draw_round(1, MACHINES).victims(dict.fromkeys(MACHINES, "rack7"))
    assert same == {"rack7": drawn.breaks[0]}


def test_the_machines_of_every_second_round_are_to_start_from_the_network():
    assert [draw_round(seed, []).boot for seed in range(4)] == ["pxe", None, "pxe", None]


def test_the_usual_seed_and_the_next_break_every_kind_of_part():
    seeds = (USUAL_SEED, USUAL_SEED + 1)
    broken = {target_of(b.how, "rack1") for seed in seeds for b in draw_round(seed, []).breaks}
    assert {"rack1/rackd", "manager of rack1", "postgres"} <= broken
    assert broken & {"rack1", "rack1:management"}


def test_every_break_is_drawn_soon_and_the_moment_may_be_any():
    breaks = [each for seed in range(60) for each in draw_round(seed, []).breaks]
    assert Counter(each.how for each in breaks).keys() == {*LOSSES, *_OTHERS}
    assert min(each.after for each in breaks) < 1
    assert max(each.after for each in breaks) > 9


def test_rounds_end_when_enough_orders_met_a_break():
    assert not is_enough([], 20)
    assert not is_enough([16], 20)
    assert is_enough([16, 4], 20)
    assert is_enough([20, *[0] * MOST_IDLE], 20)


def test_rounds_that_no_order_meets_are_not_lived_through_for_ever():
    idle = [0] * MOST_IDLE
    assert not is_enough([*idle[1:], 1, *idle[1:]], 20)
    with pytest.raises(NothingMet, match="in all 16 did"):
        is_enough([16, *idle], 20)


_OTHERS = ("region process killed", "database killed")


def at(seconds):
    return as_text(datetime.fromtimestamp(BEGAN + seconds, tz=UTC))


def step(seconds, name, rack="rack1", attempt=1):
    return {"at": at(seconds), "step": name, "rack": rack, "attempt": attempt}


def told(*words):
    return [Told(at=BEGAN + seconds, what=what) for seconds, what in words]


ROW = {
    "order": 7,
    "machine": "m1",
    "at": at(0),
    "ended": at(10),
    "phase": "ON_SEEN",
    "result": "ok",
    "error": None,
    "boot": None,
    "steps": [step(2, "OFF_SENT"), step(5, "OFF_SEEN"), step(5, "ON_SENT"), step(8, "ON_SEEN")],
}
DONE = Run(row=ROW, told=told((4, "off"), (7, "on")), power="on", lost={})
BOOTED = evolve(
    DONE,
    row={**ROW, "boot": "pxe"},
    told=told((3, "boot pxe"), (4, "off"), (6, "boot pxe"), (6.5, "boot pxe"), (7, "on")),
)
LOST = {"rack1": Loss(began=BEGAN + 3, ended=BEGAN + 30)}
BROKEN = (Loss(began=BEGAN + 1, ended=BEGAN + 2),)
OFF_SENT = {**ROW, "phase": "OFF_SENT", "steps": [step(2, "OFF_SENT")]}
NOBODY_KNOWS = evolve(DONE, row={**OFF_SENT, "result": "unknown", "ended": at(21)})


def ending(**fields):
    return evolve(DONE, row={**ROW, **fields})


@pytest.mark.parametrize(
    "run",
    [
        DONE,
        BOOTED,
        evolve(DONE, lost=LOST),
        evolve(DONE, told=told((4, "off"), (5, "off"), (7, "on"), (7.2, "on"))),
        evolve(ending(result="failed"), told=told((4, "off")), power="off", lost=LOST),
        evolve(ending(result="failed", steps=[]), told=[], shared=BROKEN),
        evolve(ending(result="failed", steps=[]), told=[], lost=LOST),
        ending(ended=at(MOST_SECONDS)),
        evolve(NOBODY_KNOWS, lost=LOST, told=[], power="on"),
        evolve(NOBODY_KNOWS, lost=LOST, told=told((4, "off"), (30, "on"))),
        evolve(NOBODY_KNOWS, lost=LOST, told=told((2.1, "off")), shared=BROKEN, power="off"),
    ],
)
def test_an_order_that_is_as_it_has_to_be_has_no_complaints(run):
    assert complaints(run) == []


TWICE = told((3, "off"), (5, "on"), (6, "off"), (7, "on"))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (evolve(DONE, told=TWICE), "2 outages: its BMC was told off, on, off, on"),
        (evolve(NOBODY_KNOWS, told=TWICE, lost=LOST), "2 outages: its BMC was told off, on, off"),
        (
            evolve(ending(result="failed"), told=TWICE, lost=LOST),
            "2 outages: its BMC was told off, on, off",
        ),
        (evolve(DONE, told=[]), "said to be ok, and the machine was never turned off"),
        (evolve(DONE, told=told((7, "on"))), "said to be ok, and the machine was never turned off"),
        (
            evolve(DONE, told=told((4, "off")), power="off"),
            "it is said to be ok, and the machine is off, told off at last",
        ),
        (
            evolve(BOOTED, told=[BOOTED.told[0], BOOTED.told[1], BOOTED.told[-1]]),
            "its BMC was told on after no device, not after boot pxe",
        ),
        (
            evolve(BOOTED, told=[*BOOTED.told[:-1], *told((6.8, "boot disk"), (7, "on"))]),
            "its BMC was told on after boot disk, not after boot pxe",
        ),
        (
            evolve(DONE, told=BOOTED.told),
            "its BMC was told off after boot pxe, not after no device",
        ),
        (evolve(DONE, power="off"), "said to be ok, and the machine is off, told on at last"),
        (ending(result=None, ended=None, phase="OFF_SENT"), "it has not ended: it is at OFF_SENT"),
        (ending(ended=at(MOST_SECONDS + 0.1)), "it ended only after 90.1 s"),
        (
            evolve(ending(result="failed"), told=told((4, "off"), (12, "on")), lost=LOST),
            "it ended as failed, and 2.0 s later its BMC was told on",
        ),
        (
            evolve(ending(result="failed"), told=told((4, "off")), power="off"),
            "it failed, and nothing was broken that it needs",
        ),
        (
            evolve(
                ending(result="failed"),
                told=told((4, "off")),
                power="off",
                lost={"rack2": LOST["rack1"]},
            ),
            "it failed, and nothing was broken that it needs",
        ),
        (
            evolve(ending(result="failed", ended=at(2.5)), told=[], lost=LOST),
            "it failed, and nothing was broken that it needs",
        ),
        (
            ending(result="failed"),
            "it is said to have failed, and its machine was off and on again",
        ),
    ],
)
def test_what_must_not_be_is_told(run, said):
    found = complaints(run)
    assert found[0].startswith("order 7, cycle of m1: ")
    assert said in found[0]


NEVER_LOST = "it ended as unknown, and its rack was not lost between sending and the answer"


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ({}, []),
        ({"rack2": LOST["rack1"]}, []),
        ({"rack1": Loss(began=BEGAN + 1, ended=BEGAN + 30)}, []),
        (LOST, told((2.2, "off"))),
        ({"rack1": Loss(began=BEGAN + 9, ended=BEGAN + 30)}, told((4, "off"), (7, "on"))),
    ],
    ids=["not lost", "another one", "before it sent", "after its answer", "after all answers"],
)
def test_an_end_as_unknown_needs_a_rack_that_was_lost_between_sending_and_the_answer(lost, words):
    row = {**NOBODY_KNOWS.row, "steps": ROW["steps"], "phase": "ON_SEEN"}
    found = complaints(evolve(NOBODY_KNOWS, row=row, lost=lost, told=words))
    assert found == [f"order 7, cycle of m1: {NEVER_LOST}"]


def test_an_end_as_unknown_needs_a_rack_that_was_away_for_long_or_an_order_whose_time_is_over():
    soon = {**OFF_SENT, "result": "unknown", "ended": at(4)}
    short = {"rack1": Loss(began=BEGAN + 3, ended=BEGAN + 3.5)}
    too_soon = "it ended as unknown before its time was over, and its rack was not away for long"
    for row, lost in ((soon, LOST), (soon, short), ({**soon, "ended": at(40)}, short)):
        found = complaints(evolve(NOBODY_KNOWS, row=row, lost=lost, told=[]))
        assert found == [f"order 7, cycle of m1: {too_soon}"]
    late = evolve(NOBODY_KNOWS, row={**soon, "ended": at(60)}, lost=short, told=[])
    assert complaints(late) == []


def test_what_a_second_rack_has_done_and_recorded_is_known():
    second = [step(21, "OFF_SENT", "rack2", 2), step(24, "ON_SENT", "rack2", 2)]
    row = {**OFF_SENT, "result": "unknown", "phase": "ON_SENT", "ended": at(60)}
    row["steps"] = [step(2, "OFF_SENT"), *second]
    whole = told((22, "off"), (25, "on"))
    found = complaints(evolve(NOBODY_KNOWS, row=row, lost=LOST, told=whole))
    assert found == [f"order 7, cycle of m1: {NEVER_LOST}"]


def test_without_a_broken_region_what_the_bmc_has_answered_is_known():
    answered = told((2.1, "off"))
    found = complaints(evolve(NOBODY_KNOWS, lost=LOST, told=answered, power="off"))
    assert found == [f"order 7, cycle of m1: {NEVER_LOST}"]


def test_the_rack_of_a_later_attempt_may_be_the_one_that_was_lost():
    steps = [step(2, "OFF_SENT"), step(4, "OFF_SEEN"), step(25, "ON_SENT", "rack2", 2)]
    row = {**ROW, "result": "unknown", "steps": steps, "ended": at(70)}
    lost = {"rack2": Loss(began=BEGAN + 26, ended=BEGAN + 40)}
    assert complaints(Run(row=row, told=told((3, "off")), power="off", lost=lost)) == []


def test_a_story_tells_all_in_the_order_of_time():
    lines = story(evolve(DONE, lost=LOST)).splitlines()
    assert lines[0] == "order 7, cycle of m1; in the end the machine is on"
    assert [line.strip() for line in lines[1:4]] == [
        "2.00 s  OFF_SENT by rack1, attempt 1",
        "3.00 s  rack1 is lost",
        "4.00 s  its BMC is told: off",
    ]
    assert lines[-1].strip() == "30.00 s  rack1 is there again"
    assert "10.00 s  ends: ok (no error)" in lines[-2]
    open_row = {**ROW, "result": None, "ended": None}
    assert "ends" not in story(evolve(DONE, row=open_row))


def test_of_many_runs_the_wrong_ones_are_told_with_their_stories():
    twice = evolve(DONE, row={**ROW, "machine": "m2"}, told=TWICE)
    assert what_is_wrong([DONE, twice], [7]) == [*complaints(twice), story(twice)]
    assert what_is_wrong([DONE], [7]) == []


def test_an_order_of_which_nobody_tells_is_wrong_and_so_are_none():
    assert what_is_wrong([DONE], [7, 8]) == ["order 8: no region tells of it"]
    assert what_is_wrong([], [7]) == ["order 7: no region tells of it"]
    assert what_is_wrong([], []) == ["no order was given"]
