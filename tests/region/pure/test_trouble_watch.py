"""A problem is opened when it has lasted, losses at once, and closed as soon as it is over."""

from datetime import UTC, datetime

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.region.leading.trouble_watch import (
    LONGER_PATIENCE_SECONDS,
    PATIENCE_SECONDS,
    TroubleWatch,
)
from tests.strategies import fleet_of, rack_named, running

ONE, TWO = running("region1/1"), running("region2/1")
RACK = rack_named("rack0001")
LINKS = [(RACK.id, ONE.id), (RACK.id, TWO.id)]
WELL = fleet_of([ONE, TWO], [RACK], links=LINKS, managing={RACK.id: ONE.id}, holder=ONE.id)
UNMANAGED = evolve(WELL, managing={})
LOST = evolve(WELL, links=())
KEY = ("RackUnmanaged", "rack:rack0001")


def opened_codes(changes):
    return [trouble.code for trouble in changes[0]]


def open_since(fleet, *keys):
    return evolve(fleet, open_problems=dict.fromkeys(keys, datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(clock):
    return TroubleWatch(clock)


def test_nothing_to_tell_of_changes_nothing(watch):
    assert watch.changes(WELL) == ((), ())


def test_a_problem_is_opened_when_it_has_lasted(watch, clock):
    assert watch.changes(UNMANAGED) == ((), ())
    clock.advance(PATIENCE_SECONDS - 0.1)
    assert watch.changes(UNMANAGED) == ((), ())
    clock.advance(0.1)
    assert opened_codes(watch.changes(UNMANAGED)) == ["RackUnmanaged"]


def test_a_problem_that_is_over_within_a_moment_is_never_opened(watch, clock):
    for _ in range(20):
        assert watch.changes(UNMANAGED) == ((), ())
        clock.advance(PATIENCE_SECONDS - 0.1)
        assert watch.changes(WELL) == ((), ())


def test_a_lost_rack_is_told_at_once(watch):
    assert opened_codes(watch.changes(LOST)) == ["RackLost"]


def test_m8_a_cloned_rack_is_told_at_once(watch):
    cloned = evolve(WELL, racks={RACK.id: evolve(RACK, clone_address="10.9.9.9:1")})
    assert opened_codes(watch.changes(cloned)) == ["RackCloned"]


def test_an_open_problem_is_not_opened_again(watch, clock):
    watch.changes(UNMANAGED)
    clock.advance(PATIENCE_SECONDS)
    assert watch.changes(open_since(UNMANAGED, KEY)) == ((), ())


def test_an_opening_that_was_not_written_is_tried_again(watch, clock):
    watch.changes(UNMANAGED)
    clock.advance(PATIENCE_SECONDS)
    for _ in range(2):
        assert opened_codes(watch.changes(UNMANAGED)) == ["RackUnmanaged"]


def test_a_problem_is_closed_as_soon_as_it_is_over(watch):
    assert watch.changes(open_since(WELL, KEY)) == ((), (KEY,))


def test_a_problem_of_something_that_is_deleted_is_closed(watch):
    gone = ("RackLost", "rack:rack9999")
    assert watch.changes(open_since(WELL, gone)) == ((), (gone,))


def test_a_new_leader_closes_what_the_old_one_opened_and_waits_before_it_opens(watch):
    both = open_since(UNMANAGED, ("RackLost", "rack:rack0001"))
    assert watch.changes(both) == ((), (("RackLost", "rack:rack0001"),))


def test_that_no_loss_is_survived_is_told_after_ten_minutes_and_over_at_once(watch, clock):
    same_host = running("region1/2")
    links = [(RACK.id, ONE.id), (RACK.id, same_host.id)]
    fragile = evolve(
        fleet_of([ONE, same_host], [RACK], links=links, holder=ONE.id), managing=WELL.managing
    )
    assert LONGER_PATIENCE_SECONDS["SurvivesNoLoss"] == 600
    assert watch.changes(fragile) == ((), ())
    clock.advance(599.9)
    assert watch.changes(fragile) == ((), ())
    clock.advance(0.1)
    assert opened_codes(watch.changes(fragile)) == ["SurvivesNoLoss"]
    key = ("SurvivesNoLoss", "fleet")
    assert watch.changes(open_since(WELL, key)) == ((), (key,))
