"""A power order is entered: one unfinished for each BMC, whoever orders at once."""

import pytest

from evenrack.model.bmc import Machine
from evenrack.model.identifiers import BmcId, MachineId
from evenrack.region.database.order_store import (
    ORDER_SECONDS,
    SOFT_SECONDS,
    OrderUnderWay,
    enter_orders,
    give_back,
    prolong,
)
from tests.region.database.orders.order_rows import TWO, ended, entered, machine, taken, unfinished
from tests.region.database.sessions import heard

pytestmark = pytest.mark.postgres


def test_an_order_is_new_nobody_s_and_has_its_time(fleet):
    (number,) = entered(fleet)
    (order,) = unfinished(fleet)
    assert (order.id, order.machine, order.action) == (number, "m1", "cycle")
    assert (order.attempt, order.phase, order.rack, order.tried) == (0, "NEW", None, ())
    assert ORDER_SECONDS - 20 < order.seconds_left <= ORDER_SECONDS


def test_a_soft_order_has_more_time(fleet):
    entered(fleet, action="soft")
    assert SOFT_SECONDS - 20 < unfinished(fleet)[0].seconds_left <= SOFT_SECONDS


def test_the_time_of_an_order_begins_anew_when_its_first_rack_takes_it_and_not_later(fleet):
    entered(fleet)
    fleet.change("UPDATE power_order SET expires_at = clock_timestamp()")
    order = taken(fleet)
    assert order.seconds_left > ORDER_SECONDS - 20
    fleet.change("UPDATE power_order SET expires_at = clock_timestamp()")
    assert taken(fleet, TWO).seconds_left <= 0


def test_only_orders_that_no_rack_has_begun_are_given_more_time(fleet):
    numbers = entered(fleet, "m1", "m2")
    taken(fleet)
    fleet.change("UPDATE power_order SET expires_at = clock_timestamp()")
    fleet.run(lambda c: prolong(c, numbers))
    left = [order.seconds_left > 0 for order in unfinished(fleet)]
    assert left == [False, True]


def test_orders_are_entered_for_all_machines_or_for_none(fleet):
    assert len(entered(fleet, "m1", "m2")) == 2
    with pytest.raises(OrderUnderWay) as refused:
        entered(fleet, "m3", "m2", "m1")
    first, second = unfinished(fleet)
    assert refused.value.running == {"m1": first.id, "m2": second.id}
    assert f"m1 has order {first.id}, m2 has order {second.id}" in str(refused.value)
    assert len(unfinished(fleet)) == 2


def test_the_next_order_is_entered_when_the_one_before_has_ended(fleet):
    entered(fleet)
    ended(fleet, unfinished(fleet)[0])
    assert len(entered(fleet)) == 1


def test_of_two_who_order_at_once_one_is_told_of_the_other_s_order(fleet):
    here, there = machine(fleet, "m1"), machine(fleet, "m2")
    with fleet.open_transaction() as first:
        transaction = first.begin()
        (number,) = enter_orders(first, [here], "off", "operator")
        second = fleet.start(lambda: fleet.run(lambda c: enter_orders(c, [there, here], "on", "x")))
        fleet.wait_until_blocked()
        transaction.commit()
        with pytest.raises(OrderUnderWay) as refused:
            second.result(10)
    assert refused.value.running == {"m1": number}
    assert [order.machine for order in unfinished(fleet)] == ["m1"]


def test_many_who_order_at_once_in_whatever_order_enter_one(fleet):
    machines = [machine(fleet, name) for name in ("m1", "m2", "m3")]

    def order(turn):
        wanted = machines[turn % 3 :] + machines[: turn % 3]
        try:
            return fleet.run(lambda c: enter_orders(c, wanted, "on", "operator"))
        except OrderUnderWay:
            return None

    outcomes = [fleet.start(lambda turn=turn: order(turn)) for turn in range(12)]
    won = [numbers for numbers in (each.result(30) for each in outcomes) if numbers]
    assert len(won) == 1
    assert sorted(order.id for order in unfinished(fleet)) == sorted(won[0])


def test_the_table_itself_refuses_a_second_unfinished_order_of_a_bmc(fleet):
    entered(fleet)
    copy = (
        "INSERT INTO power_order (bmc_id, machine, action, attempt, tried, phase, who, expires_at, "
        "state, error) SELECT bmc_id, machine, action, attempt, tried, phase, who, expires_at, "
        "state, error FROM power_order"
    )
    with pytest.raises(Exception, match="power_order_one_for_each_bmc"):
        fleet.change(copy)


def test_every_change_of_an_order_is_told_to_all_processes_but_that_one_of_them_took_it(fleet):
    with heard(fleet) as said:
        entered(fleet)
    with heard(fleet) as said_of_taking:
        give_me = taken(fleet)
    with heard(fleet) as said_after:
        fleet.run(lambda c: give_back(c, give_me, "not here"))
        ended(fleet, unfinished(fleet)[0])
    assert (said, said_of_taking, said_after) == (["orders"], [], ["orders"] * 2)


def test_an_order_for_a_bmc_that_is_not_there_is_an_error(fleet):
    ghost = Machine(id=MachineId(9), name="m9", bmc=BmcId(99))
    with pytest.raises(Exception, match="foreign key"):
        fleet.run(lambda c: enter_orders(c, [ghost], "on", "operator"))
