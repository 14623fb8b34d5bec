"""A rack whose clock is wrong finds out by what regions answer, and says so, once."""

from datetime import timedelta

import pytest
from attrs import evolve

from evenrack.model.dhcp_report import DhcpReport, dhcp_report_from_json
from evenrack.model.json_form import to_json
from evenrack.rack.clock_watch import SAMPLES
from tests.wire.both_ends import Link

WELL = DhcpReport(applied="a")
ENOUGH = SAMPLES + 2.0
"""Seconds, with a ping in each."""


def said(link):
    return link.memory.clock_watch.added_to(WELL).clock_ahead


def pinging(ahead, **changed):
    link = Link(reception=changed)
    link.memory.clock_ahead = ahead
    return link.introduce()


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(days=1), "is 1 d ahead of the database's"),
        (timedelta(hours=-1), "is 1 h behind the database's"),
        (timedelta(seconds=-6), "is 6 s behind the database's"),
    ],
    ids=["a day ahead", "an hour behind", "seconds behind"],
)
def test_a_wrong_clock_is_told_of_once_and_in_the_report_until_it_is_right(ahead, words, logged):
    link = pinging(ahead)
    changes = []
    link.memory.clock_watch.on_change = lambda: changes.append(said(link))
    link.world.advance(60)
    assert said(link) == ahead.total_seconds()
    assert changes == [ahead.total_seconds()]
    (told,) = [line for line in logged() if "the clock of this host" in line]
    assert words in told
    assert "timedatectl" in told
    link.memory.clock_ahead = timedelta(0)
    link.world.advance(ENOUGH)
    assert link.memory.clock_watch.added_to(WELL) == WELL
    assert "right again" in logged()[-1]


@pytest.mark.parametrize("seconds", [-4.0, 0.0, 4.0])
def test_a_clock_that_is_right_is_not_told_of(seconds, logged):
    link = pinging(timedelta(seconds=seconds))
    link.world.advance(60)
    assert link.memory.clock_watch.added_to(WELL) == WELL
    assert not [line for line in logged() if "the clock of this host" in line]


def test_a_region_whose_clock_was_just_set_accuses_no_rack():
    link = pinging(timedelta(0))
    link.world.advance(ENOUGH)
    link.memory.clock_ahead = timedelta(hours=1)  # as if all that it is told were wrong
    link.world.advance(3)
    link.memory.clock_ahead = timedelta(0)
    link.world.advance(60)
    assert said(link) is None


def test_a_region_that_does_not_know_the_time_or_is_older_says_nothing():
    link = pinging(timedelta(days=1), database_clock=lambda: None)
    link.world.advance(60)
    assert link.memory.leases is not None
    assert said(link) is None


def test_an_answer_that_was_long_under_way_counts_for_nothing():
    link = pinging(timedelta(0))
    watch = link.memory.clock_watch
    for _ in range(2 * SAMPLES):
        asked = watch.now()
        link.memory.clock_ahead += timedelta(seconds=7)  # it was set, or the daemon stopped
        watch.told(asked, asked)
        link.world.clock.advance(2)
    assert said(link) is None


def test_regions_of_before_read_the_report_of_a_rack_whose_clock_is_right():
    assert "clock_ahead" not in to_json(WELL)
    wrong = evolve(WELL, clock_ahead=-7)
    assert dhcp_report_from_json(to_json(wrong)) == wrong
