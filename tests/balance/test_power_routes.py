"""Which rack takes a power order, and when another one may."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.power_routes import (
    KNOWING_FIRST_SECONDS,
    MOST_ORDERS_OF_RACK,
    OVERDUE_SECONDS,
    SURELY_ENDED_SECONDS,
    End,
    Send,
    StoredOrder,
    Take,
    Wait,
    may_have_gone_further,
    needs_time,
    next_for,
    route,
    was_under_way,
)
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import PHASES
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import rack_id

BMC = BmcId(1)
ONE, TWO, THREE = (rack_id(n) for n in (1, 2, 3))
SENT = [phase for phase in PHASES["cycle"] if phase != "NEW"]
ALL = {1: [1, 2, 3]}


def order(**more):
    plain = StoredOrder(
        id=OrderId(7),
        bmc=BMC,
        machine="m1",
        action="cycle",
        attempt=0,
        phase="NEW",
        seconds_left=50.0,
    )
    return evolve(plain, **more)


def step(fleet, away_seconds=None, *, unrecorded=False, **more):
    return next_for(order(**more), fleet, away_seconds=away_seconds, unrecorded=unrecorded)


# A new order


def test_a_new_order_goes_to_the_owner():
    assert step(bmc_fleet(ALL, owners={1: 2})) == Take(rack=TWO)


def test_p10_with_the_owner_dead_it_goes_to_another_rack_at_once():
    assert step(bmc_fleet(ALL, owners={1: 2}, away=[2])) == Take(rack=ONE)


def test_an_owner_that_does_not_reach_the_bmc_any_more_does_not_get_it():
    assert step(bmc_fleet({1: [1, 3]}, owners={1: 2})) == Take(rack=ONE)


def test_of_the_others_the_one_that_owns_the_fewest_gets_it():
    fleet = bmc_fleet({1: [1, 2, 3], 2: [1], 3: [2]}, owners={1: 3, 2: 1}, away=[3])
    assert step(fleet) == Take(rack=TWO)


def test_m17_an_order_that_no_rack_can_do_now_waits_and_is_taken_by_the_first_that_can():
    assert step(bmc_fleet({1: []}, racks=2)) == Wait(why="no rack reaches it")
    assert step(bmc_fleet({1: [2]}, racks=2)) == Take(rack=TWO)


@pytest.mark.parametrize("seconds_left", [0.0, -1.0])
def test_one_that_waited_until_its_deadline_failed_and_nothing_was_sent(seconds_left):
    ended = step(bmc_fleet(ALL), seconds_left=seconds_left)
    assert isinstance(ended, End)
    assert (ended.result, "nothing was sent" in ended.error) == ("failed", True)


# Racks that could not do it


def test_a_rack_that_could_not_do_it_is_not_tried_again():
    fleet = bmc_fleet(ALL, owners={1: 2})
    assert step(fleet, tried=(TWO,)) == Take(rack=ONE)
    assert step(fleet, tried=(TWO, ONE)) == Take(rack=THREE)


def test_when_all_that_reach_it_could_not_it_has_failed():
    ended = step(bmc_fleet(ALL), tried=(ONE, TWO, THREE))
    assert isinstance(ended, End)
    assert (ended.result, ended.error) == ("failed", "no rack that reaches the BMC could do it")


def test_and_says_what_the_last_of_them_said():
    ended = step(bmc_fleet(ALL), tried=(ONE, TWO, THREE), error="nobody listens there")
    assert ended.error.endswith("could do it; the last one said: nobody listens there")


@pytest.mark.parametrize("phase", SENT)
def test_what_was_begun_waits_for_a_rack_that_can_go_on_until_its_time_is_over(phase):
    begun = {"tried": (ONE, TWO, THREE), "phase": phase, "error": "it is too old"}
    assert step(bmc_fleet(ALL), **begun) == Wait(why="no rack reaches it")
    assert step(bmc_fleet(ALL), **{**begun, "tried": (ONE, TWO)}) == Take(rack=THREE)
    ended = step(bmc_fleet(ALL), **begun, seconds_left=0.0)
    assert isinstance(ended, End)
    assert (ended.result, phase in ended.error) == ("unknown", True)
    assert "the last one said: it is too old: look at the machine" in ended.error


@pytest.mark.parametrize("phase", SENT)
@pytest.mark.parametrize("why", [{"cancelled": True}, {"action": "soft"}])
def test_what_was_begun_and_is_left_to_the_operator_does_not_wait_for_another_rack(phase, why):
    ended = step(bmc_fleet(ALL), tried=(ONE,), phase=phase, **why)
    assert isinstance(ended, End)
    assert (ended.result, phase in ended.error) == ("unknown", True)


def test_an_order_is_named_with_its_boot_device():
    assert order(action="cycle").deed == "cycle"
    assert order(action="cycle", boot="pxe").deed == "cycle from pxe"


def test_a_rack_that_comes_later_may_still_try():
    fleet = bmc_fleet({1: [1, 2]}, away=[2])
    assert isinstance(step(fleet, tried=(ONE,)), End)
    assert step(bmc_fleet({1: [1, 2]}), tried=(ONE,)) == Take(rack=TWO)


# An order that a rack has


@pytest.mark.parametrize("phase", PHASES["cycle"])
def test_a_connected_rack_is_always_sent_to_also_when_it_is_the_owner_no_more(phase):
    fleet = bmc_fleet({1: [2, 3]}, owners={1: 2}, racks=3)
    late = -OVERDUE_SECONDS
    assert step(fleet, rack=ONE, phase=phase) == Send(rack=ONE)
    assert step(fleet, rack=ONE, phase=phase, seconds_left=late) == Send(rack=ONE)


def test_while_nothing_was_sent_another_rack_takes_it_over_at_once():
    fleet = bmc_fleet(ALL, owners={1: 1}, away=[1])
    for away in (None, 0.0, 99.0):
        assert step(fleet, away, rack=ONE) == Take(rack=TWO)


@pytest.mark.parametrize("phase", SENT)
def test_after_something_was_sent_only_when_the_rack_surely_sends_no_more(phase):
    fleet = bmc_fleet(ALL, owners={1: 1}, away=[1])
    for away in (None, 0.0, SURELY_ENDED_SECONDS - 0.1):
        assert step(fleet, away, rack=ONE, phase=phase) == Wait(why="its rack may still act")
    assert step(fleet, SURELY_ENDED_SECONDS, rack=ONE, phase=phase) == Take(rack=TWO)
    assert SURELY_ENDED_SECONDS == 18.0


def test_a_lost_rack_is_not_given_its_own_order_again():
    fleet = bmc_fleet({1: [1]}, owners={1: 1}, away=[1])
    assert step(fleet, 99.0, rack=ONE) == Wait(why="no rack reaches it")


@pytest.mark.parametrize("phase", PHASES["cycle"])
def test_an_overdue_order_ends_as_failed_when_nothing_was_sent_and_else_as_unknown(phase):
    for fleet in (bmc_fleet(ALL), bmc_fleet(ALL, away=[1]), bmc_fleet({1: []}, racks=3)):
        late = -OVERDUE_SECONDS - 0.1
        ended = step(fleet, 99.0, rack=ONE, phase=phase, seconds_left=late)
        assert isinstance(ended, End)
        assert ended.result == ("failed" if phase == "NEW" else "unknown")
        assert phase == "NEW" or phase in ended.error


@pytest.mark.parametrize("phase", PHASES["cycle"])
def test_after_its_deadline_an_order_is_taken_over_by_nobody(phase):
    ended = step(bmc_fleet(ALL, away=[1]), 99.0, rack=ONE, phase=phase, seconds_left=0.0)
    assert isinstance(ended, End)
    assert ended.result == ("failed" if phase == "NEW" else "unknown")


# Whatever the fleet is


@st.composite
def situations(draw):
    racks = range(1, 5)
    reach = draw(st.lists(st.sampled_from(racks), unique=True))
    away = draw(st.lists(st.sampled_from(racks), unique=True))
    owner = draw(st.none() | st.sampled_from(racks))
    rack = draw(st.none() | st.sampled_from(racks))
    tried = draw(st.lists(st.sampled_from(racks), unique=True))
    fleet = bmc_fleet({1: reach}, owners={} if owner is None else {1: owner}, away=away, racks=4)
    stored = order(
        rack=None if rack is None else rack_id(rack),
        phase="NEW" if rack is None else draw(st.sampled_from(PHASES["cycle"])),
        tried=tuple(rack_id(n) for n in tried),
        seconds_left=draw(st.floats(-60, 60)),
    )
    return fleet, stored, draw(st.none() | st.floats(0, 60))


@given(situations())
def test_whoever_takes_an_order_is_connected_reaches_the_bmc_and_was_not_tried(situation):
    fleet, stored, away = situation
    taken = next_for(stored, fleet, away_seconds=away)
    if isinstance(taken, Take):
        assert taken.rack in fleet.bmc_reach[BMC]
        assert taken.rack not in (*stored.tried, stored.rack)
        assert stored.seconds_left > 0
        assert stored.rack is None or not fleet.is_connected(stored.rack)
        assert stored.phase == "NEW" or away >= SURELY_ENDED_SECONDS


@given(situations())
def test_an_order_that_has_time_and_a_rack_that_may_take_it_never_waits_for_a_rack(situation):
    fleet, stored, away = situation
    waits = next_for(stored, fleet, away_seconds=away)
    if waits == Wait(why="no rack reaches it"):
        assert not set(fleet.bmc_reach[BMC]) - {*stored.tried, stored.rack}


def test_a_bmc_that_was_removed_has_no_route():
    assert route(bmc_fleet(ALL), BmcId(99)) is None


# What is sent once


@pytest.mark.parametrize(("action", "phase"), [("soft", "OFF_SENT"), ("reset", "RESET_SENT")])
def test_what_is_sent_once_is_not_taken_over_and_ends_as_unknown(action, phase):
    fleet = bmc_fleet(ALL, owners={1: 2}, away=[2])
    more = {"rack": TWO, "action": action, "phase": phase}
    assert step(fleet, 1.0, **more) == Wait(why="its rack may still act")
    ended = step(fleet, SURELY_ENDED_SECONDS, **more)
    assert (ended.result, "look at the machine" in ended.error) == ("unknown", True)
    assert step(bmc_fleet(ALL, owners={1: 2}), **more) == Send(rack=TWO)


def test_what_is_sent_once_and_was_not_sent_yet_is_taken_over_at_once():
    fleet = bmc_fleet(ALL, owners={1: 2}, away=[2])
    assert isinstance(step(fleet, 1.0, rack=TWO, action="reset"), Take)


@pytest.mark.parametrize("phase", SENT)
def test_a_cycle_at_off_sent_that_may_have_been_finished_unrecorded_is_taken_over_by_nobody(phase):
    """Its machine may be on again, and would be turned off once more."""
    fleet = bmc_fleet(ALL, owners={1: 2}, away=[2])
    more = {"rack": TWO, "phase": phase, "unrecorded": True}
    assert step(fleet, 1.0, **more) == Wait(why="its rack may still act")
    found = step(fleet, SURELY_ENDED_SECONDS, **more)
    ended = End(
        result="unknown",
        error="its rack was lost at OFF_SENT: look at the machine before you repeat it",
    )
    assert found == (ended if phase == "OFF_SENT" else Take(rack=ONE))
    back = bmc_fleet(ALL, owners={1: 2})
    assert step(back, **more) == Send(rack=TWO)


@pytest.mark.parametrize(
    ("seconds_ago", "under_way"), [(9.0, True), (11.0, False), (float("inf"), False)]
)
def test_an_order_that_was_taken_after_an_outage_has_nothing_unrecorded(seconds_ago, under_way):
    taken = order(seconds_left=50.0)
    assert was_under_way(taken, seconds_ago=seconds_ago, of_seconds=60.0) == under_way


@pytest.mark.parametrize("unrecorded", [True, False])
def test_who_began_later_lets_those_decide_first_who_know_whether_all_was_recorded(unrecorded):
    fleet = bmc_fleet(ALL, owners={1: 2}, away=[2])
    later = order(rack=TWO, phase="OFF_SENT")

    def found(away):
        more = {"unrecorded": unrecorded, "began_later": True}
        return next_for(later, fleet, away_seconds=away, **more)

    assert found(SURELY_ENDED_SECONDS) == Wait(why="its rack may still act")
    assert isinstance(
        found(SURELY_ENDED_SECONDS + KNOWING_FIRST_SECONDS), End if unrecorded else Take
    )


@pytest.mark.parametrize("unrecorded", [True, False])
@pytest.mark.parametrize(
    ("action", "phase", "may"),
    [("cycle", "OFF_SENT", True), ("cycle", "OFF_SEEN", False), ("off", "OFF_SENT", False)],
)
def test_only_a_cycle_at_off_sent_may_have_gone_further(action, phase, may, unrecorded):
    one = order(action=action, phase=phase)
    assert may_have_gone_further(one, unrecorded=unrecorded) == (may and unrecorded)


def test_an_off_at_off_sent_is_taken_over_whatever_was_recorded():
    fleet = bmc_fleet(ALL, owners={1: 2}, away=[2])
    more = {"rack": TWO, "phase": "OFF_SENT", "action": "off", "unrecorded": True}
    assert step(fleet, SURELY_ENDED_SECONDS, **more) == Take(rack=ONE)


# Many at once


def with_orders(count, **more):
    fleet = bmc_fleet(ALL, owners={1: 2})
    return next_for(order(**more), fleet, away_seconds=None, orders_of={TWO: count})


def test_an_order_waits_for_its_rack_while_that_has_many_and_is_given_more_time():
    for seconds_left, needed in ((50.0, False), (1.0, True)):
        found = with_orders(MOST_ORDERS_OF_RACK, seconds_left=seconds_left)
        assert found == Wait(why="its rack has many")
        assert needs_time(order(seconds_left=seconds_left), found) == needed
    assert with_orders(MOST_ORDERS_OF_RACK - 1) == Take(rack=TWO)


def test_an_order_that_nobody_looked_at_for_long_is_over_and_what_does_not_wait_needs_no_time():
    assert isinstance(with_orders(MOST_ORDERS_OF_RACK, seconds_left=-1.0), End)
    late = order(seconds_left=1.0)
    for found in (Take(rack=TWO), Wait(), Wait(why="no rack reaches it"), Send(rack=TWO)):
        assert not needs_time(late, found)


def test_an_order_that_another_rack_gave_back_does_not_wait_for_a_place():
    found = with_orders(MOST_ORDERS_OF_RACK, attempt=2, tried=(ONE,))
    assert found == Take(rack=TWO)


def test_a_cancelled_order_is_not_taken_over_once_something_was_sent():
    fleet = bmc_fleet(ALL, owners={1: 2}, away=[2])
    ended = step(fleet, SURELY_ENDED_SECONDS, rack=TWO, phase="OFF_SENT", cancelled=True)
    assert ended.result == "unknown"
