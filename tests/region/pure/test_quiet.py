"""Voluntary moves wait for a quiet moment, but not for ever."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from evenrack.region.leading.quiet import MOST_QUIET_WINDOWS, Quiet
from tests.strategies import fleet_of, rack_named, running

ONE, TWO = running("region1/1"), running("region1/2")
RACK = rack_named("rack0001")
SEPARATE = fleet_of([ONE, TWO], [RACK])
LINKED = fleet_of([ONE, TWO], [RACK], links=[(RACK.id, ONE.id)])
MANAGED = fleet_of([ONE, TWO], [RACK], links=[(RACK.id, ONE.id)], managing={RACK.id: ONE.id})


def watcher():
    clock = Clock()
    return Quiet(clock, 1.0), clock


def looks(quiet, clock, fleets, *, every):
    """What each look says, `every` so many seconds."""
    said = []
    for fleet in fleets:
        said.append(quiet.is_quiet(fleet))
        clock.advance(every)
    return said


def test_a_leader_begins_with_a_quiet_window():
    quiet, clock = watcher()
    assert looks(quiet, clock, [LINKED] * 6, every=0.25) == [False] * 4 + [True] * 2


def test_it_stays_quiet_while_nothing_happens():
    quiet, clock = watcher()
    assert all(looks(quiet, clock, [LINKED] * 100, every=1.0)[1:])


def test_a_link_or_a_process_that_comes_or_goes_begins_a_new_window():
    quiet, clock = watcher()
    looks(quiet, clock, [LINKED] * 3, every=1.0)
    assert looks(quiet, clock, [SEPARATE] * 4, every=0.5) == [False, False, True, True]
    alone = fleet_of([ONE], [RACK])
    assert looks(quiet, clock, [alone] * 3, every=0.5) == [False, False, True]


def test_a_move_alone_is_no_noise():
    quiet, clock = watcher()
    looks(quiet, clock, [LINKED] * 3, every=1.0)
    assert looks(quiet, clock, [MANAGED], every=1.0) == [True]


def test_what_the_leader_writes_begins_a_new_window():
    quiet, clock = watcher()
    looks(quiet, clock, [LINKED] * 3, every=1.0)
    quiet.disturbed()
    assert looks(quiet, clock, [LINKED] * 3, every=0.5) == [False, False, True]


def test_with_something_happening_all_the_time_it_is_ten_windows_late_at_most_and_then_again():
    quiet, clock = watcher()
    said = looks(quiet, clock, [LINKED, SEPARATE] * 50, every=0.5)
    moments = [index * 0.5 for index, yes in enumerate(said) if yes]
    assert moments == [10.0, 20.0, 30.0, 40.0]


@given(st.lists(st.sampled_from([LINKED, SEPARATE]), min_size=50, max_size=100))
def test_whatever_happens_voluntary_moves_are_never_later_than_that(fleets):
    quiet, clock = watcher()
    said = looks(quiet, clock, fleets, every=0.5)
    longest = round(MOST_QUIET_WINDOWS / 0.5) + 2
    for start in range(len(said) - longest):
        assert any(said[start : start + longest])


@given(st.lists(st.sampled_from([LINKED, SEPARATE]), max_size=20))
def test_within_a_window_after_a_change_it_is_not_quiet_unless_it_is_late(fleets):
    quiet, clock = watcher()
    said = looks(quiet, clock, fleets, every=0.25)
    for index in range(1, len(fleets)):
        changed = fleets[max(0, index - 3) : index + 1]
        if len(set(map(id, changed))) > 1 and index * 0.25 < MOST_QUIET_WINDOWS:
            assert not said[index]
