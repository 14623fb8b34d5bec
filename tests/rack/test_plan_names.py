"""A plan is named once, however often its name is asked for."""

import pytest
from attrs import evolve
from hypothesis import given

from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.rack import plan_names
from evenrack.rack.plan_names import PlanNames
from tests.rack.converging import FIRST, SECOND
from tests.strategies_dhcp import dhcp_plans


@pytest.fixture
def read(monkeypatch):
    """The plans that were read to name them."""
    plans = []

    def named(plan):
        plans.append(plan)
        return dhcp_fingerprint(plan)

    monkeypatch.setattr(plan_names, "dhcp_fingerprint", named)
    return plans


@given(dhcp_plans(), dhcp_plans())
def test_names_are_the_fingerprints(one, other):
    names = PlanNames()
    asked = [one, other, one, tuple(evolve(service) for service in other)]
    assert [names.of(plan) for plan in asked] == [dhcp_fingerprint(plan) for plan in asked]
    assert names.same(one, other) == (one == other)
    assert names.same(other, asked[-1])


def test_a_plan_that_was_named_lately_is_not_read_again(read):
    names = PlanNames()
    for _ in range(100):
        names.of(FIRST)
        names.of(SECOND)
    assert read == [FIRST, SECOND]


def test_plans_of_long_ago_are_not_kept(read):
    names = PlanNames()
    plans = [tuple(evolve(service) for service in FIRST) for _ in range(6)]
    for plan in plans:
        names.of(plan)
    assert [known for known, _ in names._known] == plans[:1:-1]
