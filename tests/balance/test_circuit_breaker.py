"""When so much is lost at once that nothing is to be moved, and when that is over."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.circuit_breaker import decide_breaker
from evenrack.model.intents import Breaker
from tests.strategies import fleet_of, rack_named, running

PROCESSES = ("region1/1", "region1/2", "region2/1", "region2/2")


def fleet(racks, *, away=(), stopped=(), dead=(), breaker=None, names_of=PROCESSES):
    """So many racks r00.., connected to every live process but those that are away or stopped."""
    names = [f"r{n:02}" for n in range(racks)]
    gone = {f"r{n:02}" for n in (*away, *stopped)}
    processes = [running(name, "dead" if name in dead else "running") for name in names_of]
    live = [process.id for process in processes if process.state == "running"]
    made = fleet_of(
        processes,
        [rack_named(name, stopped=name in {f"r{n:02}" for n in stopped}) for name in names],
        links=[(name, process) for name in names if name not in gone for process in live],
    )
    return evolve(made, breaker=breaker)


def tripped(racks=(), processes=(), **more):
    names = frozenset(f"r{n:02}" for n in racks)
    return Breaker(why="much was lost", racks=names, processes=frozenset(processes), **more)


def decided(found, racks=(), processes=()):
    return decide_breaker(found, racks=[f"r{n:02}" for n in racks], processes=processes)


@pytest.mark.parametrize(
    ("racks", "lost", "trips"),
    [(4, 2, False), (4, 3, True), (9, 3, True), (10, 3, False), (10, 4, True), (3, 3, True)],
)
def test_it_trips_at_three_racks_and_over_30_percent(racks, lost, trips):
    change = decided(fleet(racks, away=range(lost)), range(lost))
    assert (change is not None) == trips
    if change is not None:
        assert change.trips
        assert change.now.racks == {f"r{n:02}" for n in range(lost)}
        assert change.now.why.startswith(f"{lost} of {racks} racks were lost within 10 s: r00")


@pytest.mark.parametrize(
    ("dead", "trips"),
    [
        (("region1/1", "region1/2"), False),
        (("region1/1", "region2/1"), False),
        (("region1/1", "region1/2", "region2/1"), True),
    ],
)
def test_it_trips_at_processes_of_two_hosts_and_over_half_of_all(dead, trips):
    change = decided(fleet(2, dead=dead), processes=dead)
    assert (change is not None) == trips
    if change is not None:
        assert change.now.processes == set(dead)
        assert "3 of 4 region processes were lost" in change.now.why


def test_one_region_host_however_many_processes_it_has_does_not_trip_it():
    dead = ("region1/1", "region1/2", "region1/3")
    assert decided(fleet(2, dead=dead, names_of=(*dead, "region2/1")), processes=dead) is None


def test_racks_that_were_stopped_in_order_and_old_losses_do_not_count():
    assert decided(fleet(9, stopped=range(5)), range(5)) is None
    assert decided(fleet(9, away=range(5)), [4]) is None


def test_what_is_back_does_not_count():
    assert decided(fleet(9, away=[0, 1]), range(5)) is None


def test_it_goes_on_while_the_share_is_above_and_ends_when_it_is_back_below():
    held = tripped(range(4))
    assert decided(fleet(9, away=range(4), breaker=held)) is None
    assert decided(fleet(9, away=range(1, 4), breaker=held)) is None
    assert decided(fleet(9, away=range(2), breaker=held)).now is None


def test_it_ends_when_the_lost_are_deleted():
    held = tripped(range(20, 24))
    assert decided(fleet(9, breaker=held)).now is None


def test_it_ends_when_the_processes_are_back():
    dead = ("region1/1", "region1/2", "region2/1")
    held = tripped(processes=dead)
    assert decided(fleet(2, dead=dead, breaker=held)) is None
    assert decided(fleet(2, dead=dead[:1], breaker=held)).now is None


def test_losses_while_it_holds_are_remembered_with_the_others():
    held = tripped(range(4))
    change = decided(fleet(20, away=range(8), breaker=held), [4, 5, 6, 7])
    assert not change.trips
    assert change.now == tripped(range(8))


def test_once_released_it_trips_only_for_as_many_new_losses():
    released = tripped(range(4), released=True)
    assert decided(fleet(9, away=range(4), breaker=released), range(4)) is None
    assert decided(fleet(9, away=range(6), breaker=released), range(6)) is None
    again = decided(fleet(12, away=range(8), breaker=released), range(8))
    assert again.trips
    assert not again.now.released
    assert again.now.racks == {f"r{n:02}" for n in range(8)}
    assert again.now.why.startswith("4 of 8 racks")
    assert decided(fleet(9, away=[0], breaker=released)).now is None


def test_the_fleet_is_known_with_the_change():
    found = fleet(4, away=range(3))
    assert decided(found, range(3)).applied_to(found).breaker_holds
    held = evolve(found, breaker=tripped(range(20, 24)))
    assert not decided(held).applied_to(held).breaker_holds


@st.composite
def cases(draw):
    count = draw(st.integers(0, 12))
    numbers = st.sets(st.integers(0, 14), max_size=12)
    dead = draw(st.sets(st.sampled_from(PROCESSES)))
    breaker = draw(
        st.none()
        | st.builds(tripped, numbers, st.sets(st.sampled_from(PROCESSES)), released=st.booleans())
    )
    away = draw(numbers)
    made = fleet(count, away=[n for n in away if n < count], dead=dead, breaker=breaker)
    return made, draw(numbers), draw(st.sets(st.sampled_from(PROCESSES)))


@given(cases())
def test_a_second_decision_changes_nothing(case):
    found, racks, processes = case
    change = decided(found, racks, processes)
    if change is not None and change.now is not None:
        assert decided(change.applied_to(found), racks, processes) is None


@given(cases())
def test_it_never_holds_or_goes_on_for_less_than_the_limits(case):
    found, racks, processes = case
    change = decided(found, racks, processes)
    after = found if change is None else change.applied_to(found)
    if not after.breaker_holds:
        return
    away = {rack for rack in after.breaker.racks if rack in found.racks and not found.reach[rack]}
    dead = {p for p in after.breaker.processes if found.processes[p].state == "dead"}
    there = sum(bool(reach) for reach in found.reach.values())
    many_racks = len(away) >= 3 and len(away) / (len(away) + there) > 0.3
    hosts = {found.processes[process].region for process in dead}
    assert many_racks or (len(hosts) >= 2 and len(dead) / (len(dead) + len(found.live)) > 0.5)
