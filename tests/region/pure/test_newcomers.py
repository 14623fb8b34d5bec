"""A rack that has only just connected waits a moment for its other links; nobody else does."""

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.model.identifiers import RunId
from evenrack.region.leading.newcomers import Newcomers
from tests.strategies import fleet_of, rack_named, running

ONE, TWO = running("region1/1"), running("region1/2")
OLD, NEW = rack_named("rack0001"), rack_named("rack0002")
GRACE = 0.25


def fleet(*links, managing=None, racks=(OLD, NEW)):
    return fleet_of([ONE, TWO], racks, links=links, managing=managing)


def looked(*fleets):
    """Newcomers after one look at each fleet, and their clock."""
    clock = Clock()
    newcomers = Newcomers(clock, GRACE)
    for one in fleets:
        newcomers.waiting(one)
        newcomers.arrived(one)
    return newcomers, clock


EMPTY = fleet()
PARTLY = fleet((NEW.id, ONE.id))
WHOLLY = fleet((NEW.id, ONE.id), (NEW.id, TWO.id))


def test_at_a_leaders_first_look_nobody_waits():
    newcomers, _ = looked()
    assert newcomers.waiting(PARTLY) == set()
    assert newcomers.seconds_to_wait is None


def test_a_new_rack_with_some_of_its_links_waits_for_the_others():
    newcomers, _ = looked(EMPTY)
    assert newcomers.waiting(PARTLY) == {NEW.id}
    assert newcomers.seconds_to_wait == GRACE


def test_a_new_rack_that_is_connected_to_every_process_waits_no_longer():
    newcomers, clock = looked(EMPTY, PARTLY)
    clock.advance(0.1)
    assert newcomers.waiting(WHOLLY) == set()
    assert newcomers.seconds_to_wait is None


def test_nobody_waits_longer_than_the_grace():
    newcomers, clock = looked(EMPTY, PARTLY)
    clock.advance(0.1)
    assert newcomers.waiting(PARTLY) == {NEW.id}
    assert newcomers.seconds_to_wait == GRACE - 0.1
    clock.advance(newcomers.seconds_to_wait)
    assert newcomers.waiting(PARTLY) == set()


def test_each_new_link_is_a_reason_to_wait_once_more_but_for_four_times_the_grace_at_most():
    processes = [running(f"region1/{number}") for number in range(1, 9)]
    newcomers, clock = looked(fleet_of(processes, [NEW]))
    waited = 0.0
    for number in range(1, 8):
        linked = [(NEW.id, process.id) for process in processes[:number]]
        if newcomers.waiting(fleet_of(processes, [NEW], links=linked)) == set():
            break
        assert newcomers.seconds_to_wait == pytest.approx(min(GRACE, 4 * GRACE - waited))
        clock.advance(0.2)
        waited += 0.2
    assert waited == pytest.approx(4 * GRACE)


def test_a_link_that_was_lost_and_one_that_took_its_place_are_no_reason_to_wait_longer():
    newcomers, clock = looked(EMPTY, PARTLY)
    clock.advance(0.2)
    assert newcomers.waiting(fleet((NEW.id, TWO.id))) == {NEW.id}
    assert newcomers.seconds_to_wait == pytest.approx(GRACE - 0.2)


def test_p1_a_rack_whose_manager_dies_does_not_wait():
    whole = fleet((OLD.id, ONE.id), (OLD.id, TWO.id), managing={OLD.id: ONE.id})
    newcomers, _ = looked(whole)
    dead = evolve(ONE, state="dead")
    after = fleet_of([dead, TWO], [OLD], links=[(OLD.id, TWO.id)], managing={OLD.id: ONE.id})
    assert newcomers.waiting(after) == set()


def test_a_rack_that_returns_to_its_manager_does_not_wait():
    newcomers, _ = looked(EMPTY)
    assert newcomers.waiting(fleet((OLD.id, ONE.id), managing={OLD.id: ONE.id})) == set()


def test_a_rack_that_returns_without_its_manager_waits_for_it_and_so_need_not_move():
    newcomers, _ = looked(EMPTY)
    assert newcomers.waiting(fleet((OLD.id, TWO.id), managing={OLD.id: ONE.id})) == {OLD.id}


def test_a_rack_that_is_lost_again_while_it_waits_waits_anew_when_it_returns():
    newcomers, clock = looked(EMPTY, PARTLY)
    clock.advance(0.2)
    newcomers.waiting(EMPTY)
    clock.advance(0.2)
    assert newcomers.waiting(PARTLY) == {NEW.id}
    assert newcomers.seconds_to_wait == GRACE


def test_p5_each_arrival_is_told_once_and_not_before_it_waited():
    newcomers, clock = looked(EMPTY)
    newcomers.waiting(PARTLY)
    assert newcomers.arrived(PARTLY) == []
    clock.advance(GRACE)
    newcomers.waiting(PARTLY)
    assert newcomers.arrived(PARTLY) == [NEW.id]
    newcomers.waiting(WHOLLY)
    assert newcomers.arrived(WHOLLY) == []


def test_p25_a_restarted_rack_arrives_again_even_when_its_links_never_seemed_gone():
    newcomers, _ = looked(WHOLLY)
    restarted = evolve(NEW, run=RunId("run2"))
    after = fleet((NEW.id, ONE.id), (NEW.id, TWO.id), racks=(OLD, restarted))
    newcomers.waiting(after)
    assert newcomers.arrived(after) == [NEW.id]


def test_a_leaders_first_look_tells_of_no_arrival():
    newcomers, _ = looked()
    newcomers.waiting(WHOLLY)
    assert newcomers.arrived(WHOLLY) == []
