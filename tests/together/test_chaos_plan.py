"""Chaos is drawn the same for the same seed, and what must hold afterwards is judged right."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.lab.fleet import DHCP_HOLD_DOWN_SECONDS, Size, lay_out
from evenrack.lab.hosts import OnLoopback
from evenrack.model.fleet_number import FleetNumber
from evenrack.runtime.child_process import ProgramId
from tests.together.chaos_deeds import (
    KINDS,
    LASTING_SECONDS,
    USUAL_SEED,
    Deed,
    Step,
    course,
    places_of,
    timeline,
)
from tests.together.chaos_settled import (
    Absence,
    Numbers,
    Reading,
    Touched,
    illegal_pairs,
    moves_without_cause,
    what_restarted,
    what_shrank,
)

FLEET = lay_out(Path("/tmp/lab"), OnLoopback(number=1), Size(racks=4))  # noqa: S108  only a name
PLACES = places_of(FLEET)
SEEDS = st.integers(0, 2**32)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def steps_of(seed, number):
    return list(islice(course(seed, PLACES), number))


@given(SEEDS)
def test_the_same_seed_draws_the_same_course(seed):
    assert steps_of(seed, 30) == steps_of(seed, 30)


def test_other_seeds_draw_other_courses():
    assert len({tuple(steps_of(seed, 5)) for seed in range(20)}) == 20


def test_a_course_stays_what_it_was():
    """Or the seed of a failure that was noted tells nothing any more."""
    assert [str(step) for step in steps_of(2, 4)] == [
        "kill rack4/rackd for 6.7 s",
        "restart region2",
        "kill postgres for 5.3 s and hang rack2/rackd for 0.4 s",
        "hang region1/2 for 1.4 s and cut region2 for 2.5 s",
    ]


def test_every_part_of_a_lab_may_be_broken():
    targets = [target for targets in PLACES.values() for target in targets]
    assert {daemon.name for daemon in FLEET.daemons()} < set(targets)
    assert {"region1", "region2", "rack1", "rack4", "postgres"} < set(targets)


@given(SEEDS)
def test_every_kind_of_deed_comes_before_any_comes_again(seed):
    deeds = [deed for step in steps_of(seed, len(KINDS)) for deed in step.deeds]
    assert {(deed.act, deed.part) for deed in deeds[: len(KINDS)]} == set(KINDS)


@given(SEEDS)
def test_two_deeds_of_a_step_are_on_different_hosts(seed):
    for step in steps_of(seed, 30):
        assert len({deed.host for deed in step.deeds}) == len(step.deeds) <= 2


@given(SEEDS)
def test_every_outage_is_well_below_or_above_the_hold_down_and_only_racks_stay_away(seed):
    for step in steps_of(seed, 40):
        for deed in step.deeds:
            lasts = deed.seconds >= LASTING_SECONDS[0]
            assert lasts or deed.seconds <= DHCP_HOLD_DOWN_SECONDS / 2
            assert not lasts or deed.part in {"rack daemon", "rack host"}


def test_a_minute_of_the_usual_seed_has_short_outages_of_racks():
    deeds = [deed for step in steps_of(USUAL_SEED, 7) for deed in step.deeds]
    short = [deed for deed in deeds if "rack" in deed.part and deed.seconds < LASTING_SECONDS[0]]
    assert len(short) >= 3
    assert any("region" in deed.part for deed in deeds)
    assert any(deed.part == "database" for deed in deeds)


def deed(act, target, after, seconds):
    return Deed(act=act, part="rack host", target=target, after=after, seconds=seconds)


def test_deeds_of_a_step_begin_and_end_in_the_order_of_time():
    slow, quick = deed("cut", "rack1", 0.0, 5.0), deed("kill", "rack2", 1.0, 2.0)
    again = deed("restart", "rack3", 0.5, 0.0)
    assert timeline(Step(deeds=(slow, quick, again))) == [
        (0.0, "begin", slow),
        (0.5, "begin", again),
        (1.0, "begin", quick),
        (3.0, "end", quick),
        (5.0, "end", slow),
    ]


NUMBERS = Numbers(
    epoch=3,
    number=FleetNumber(1, 70),
    plans={"rack1": FleetNumber(1, 65)},
    incarnations={"region1/1": 2},
)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (evolve(NUMBERS, epoch=2), "the leader's epoch went from 3 to 2"),
        (evolve(NUMBERS, number=FleetNumber(1, 69)), "the fleet's number went from 1.70 to 1.69"),
        (
            evolve(NUMBERS, plans={"rack1": FleetNumber(1, 64)}),
            "the plan of rack1 went from 1.65 to 1.64",
        ),
        (
            evolve(NUMBERS, plans={"rack1": FleetNumber(1, 71)}),
            "rack1 follows plan 1.71, and the fleet is at 1.70",
        ),
        (
            evolve(NUMBERS, incarnations={"region1/1": 1}),
            "the incarnation of region1/1 went from 2 to 1",
        ),
    ],
)
def test_a_number_that_goes_back_is_told(now, said):
    assert what_shrank(NUMBERS, now) == [said]


def test_numbers_may_grow_and_an_era_is_more_than_any_generation():
    assert what_shrank(NUMBERS, evolve(NUMBERS, epoch=4, number=FleetNumber(2, 1))) == []


READING = Reading(
    numbers=NUMBERS,
    orphans=[],
    runs={"region1/1": ProgramId(100, 7), "rack1/rackd": ProgramId(200, 8)},
    rack_runs={"rack1": "a"},
)
OTHER_RACKD = evolve(READING, runs={**READING.runs, "rack1/rackd": ProgramId(201, 9)})
OTHER_INCARNATION = evolve(READING, numbers=evolve(NUMBERS, incarnations={"region1/1": 3}))


@pytest.mark.parametrize(
    ("now", "touched", "said"),
    [
        (READING, Touched(), []),
        (OTHER_RACKD, Touched(), ["rack1/rackd was process 200 and is 201"]),
        (
            OTHER_RACKD,
            Touched(held_up=frozenset({"rack1/rackd"})),
            ["rack1/rackd was process 200 and is 201"],
        ),
        (OTHER_RACKD, Touched(ended=frozenset({"rack1/rackd"})), []),
        (OTHER_INCARNATION, Touched(), ["region1/1 was incarnation 2 and is 3"]),
        (OTHER_INCARNATION, Touched(held_up=frozenset({"region1/1"})), []),
        (
            evolve(READING, rack_runs={"rack1": "b"}),
            Touched(),
            ["rack1 says that its daemon was restarted"],
        ),
    ],
)
def test_a_program_that_no_deed_ended_must_be_the_same_run(now, touched, said):
    assert what_restarted(READING, now, touched) == said


def moved(
    what, after, reason="rack1 is lost for longer than the hold-down; its secondary succeeds"
):
    return {
        "at": (BEGAN + timedelta(seconds=after)).isoformat(),
        "data": {"what": what, "name": "it", "from": "rack1", "to": "rack2", "reason": reason},
    }


def away(seconds):
    return {"rack1": Absence(began=BEGAN, ended=BEGAN + timedelta(seconds=seconds))}


@pytest.mark.parametrize(
    ("move", "absences"),
    [
        (moved("dhcp primary", after=5), away(6)),
        (moved("dhcp primary", after=5), away(20)),
        (moved("dhcp secondary", after=16), away(6)),
        (moved("dhcp primary", after=16), {}),
        (moved("dhcp secondary", after=16, reason="the VLAN has no secondary"), away(20)),
    ],
)
def test_a_role_that_moves_with_no_rack_away_for_the_hold_down_has_no_cause(move, absences):
    (said,) = moves_without_cause([move], absences, ["rack1"])
    assert said.startswith(f"{move['data']['what']} it: rack1 -> rack2")


def test_a_role_may_move_when_its_rack_was_away_for_the_hold_down():
    assert moves_without_cause([moved("dhcp primary", after=16)], away(18), ["rack1"]) == []


def test_a_rack_is_managed_by_another_for_what_was_broken_but_not_for_the_database():
    move = moved("managing", after=1, reason="it has no link")
    assert moves_without_cause([move], {}, ["region1", "postgres"]) == []
    assert len(moves_without_cause([move], {}, ["postgres"])) == 1


@pytest.mark.parametrize(
    ("pair", "legal"),
    [
        (("rack1", "rack2"), True),
        (("rack1", "rack1"), False),
        (("rack1", None), False),
        (("rack1", "rack3"), False),
    ],
)
def test_a_pair_is_two_different_racks_of_the_vlan(pair, legal):
    row = {"vlan": "vlan1", "primary_rack": pair[0], "secondary_rack": pair[1]}
    assert (illegal_pairs([row], {"vlan1": ["rack1", "rack2"]}) == []) is legal


def test_a_vlan_with_one_rack_has_no_secondary():
    row = {"vlan": "vlan1", "primary_rack": "rack1", "secondary_rack": None}
    assert illegal_pairs([row], {"vlan1": ["rack1"]}) == []
