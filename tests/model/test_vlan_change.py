"""A VLAN that travels as what is another one in it becomes what it is, whatever changed."""

import json

import pytest
from attrs import evolve
from hypothesis import given

from benchmarks.many_reservations import plan_with
from evenrack.model.json_form import to_json
from evenrack.model.plan_outline import content_of
from evenrack.model.vlan_change import VlanChange, change_between, vlan_change_from_json
from tests.strategies_changes import histories

[MANY] = (service.vlan for service in plan_with(2_000, 1))
[NET] = MANY.subnets
FIRST, *_, LAST = NET.reservations


def across(change):
    """The change as it arrives."""
    return vlan_change_from_json(json.loads(json.dumps(to_json(change))))


def many(reservations):
    return evolve(MANY, subnets=(evolve(NET, reservations=tuple(reservations)),))


@given(histories())
def test_what_it_was_and_the_change_are_what_it_is(history):
    before, after = history
    made = across(change_between(before, after)).applied_to(before)
    assert made == after
    assert content_of(made) == content_of(after)


@given(histories())
def test_nothing_travels_where_nothing_changed(history):
    for vlan in history:
        assert change_between(vlan, vlan) == VlanChange(vlan=vlan.without_reservations)


@pytest.mark.parametrize(
    ("later", "put", "removed"),
    [
        (NET.reservations[:-1], (), (LAST.id,)),
        (NET.reservations[1:], (), (FIRST.id,)),
        ((evolve(FIRST, hostname="new"), *NET.reservations[1:]), ("new",), ()),
        ((*NET.reservations, evolve(LAST, id=LAST.id + 1, hostname="new")), ("new",), ()),
    ],
)
def test_of_many_reservations_only_the_one_that_changed_travels(later, put, removed):
    change = change_between(MANY, many(later))
    [of_net] = change.subnets
    assert (tuple(it.hostname for it in of_net.put), of_net.removed) == (put, removed)
    assert change.size < 1_000
    made = across(change).applied_to(MANY).subnets[0].reservations
    assert {id(it) for it in made if it.hostname != "new"} <= {*map(id, NET.reservations)}


def test_reservations_of_a_subnet_that_goes_to_another_vlan_go_with_it():
    emptied = evolve(MANY, subnets=())
    assert change_between(MANY, emptied).applied_to(MANY) == emptied
    change = change_between(emptied, MANY)
    assert change.applied_to(emptied) == MANY
    assert change.size > 100_000
