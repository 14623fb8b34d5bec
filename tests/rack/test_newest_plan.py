"""A rack never goes back to an older plan."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import StalePlan
from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.newest_plan import NewestPlan
from tests.strategies import fleet_numbers

RACK, OTHER = RackId("rack0001"), RackId("rack0002")
PLANS = st.builds(
    RackPlan,
    rack=st.sampled_from([RACK, RACK, RACK, OTHER]),
    number=fleet_numbers,
    managed_by=st.sampled_from([ProcessId("region1/1"), ProcessId("region1/2")]),
)


@given(st.lists(PLANS))
def test_whatever_plans_come_the_number_never_falls_and_every_refusal_is_stale(plans):
    newest = NewestPlan(RACK)
    for plan in plans:
        before = newest.plan
        try:
            if newest.is_news(plan):
                newest.follow(plan)
        except StalePlan:
            assert newest.plan is before
            assert plan.rack == OTHER or plan.number < newest.number
        else:
            assert newest.plan == plan
            assert before is None or before.number <= plan.number


@given(PLANS.filter(lambda plan: plan.rack == RACK))
def test_the_plan_that_is_followed_is_no_news(plan):
    newest = NewestPlan(RACK, plan)
    assert not newest.is_news(attrs.evolve(plan))


def test_before_the_first_plan_the_number_is_before_all_and_the_fingerprint_empty():
    newest = NewestPlan(RACK)
    assert (newest.number, newest.fingerprint) == (BEFORE_ALL, "")


@given(PLANS.filter(lambda plan: plan.rack == RACK))
def test_a_first_plan_is_news_even_with_the_smallest_number(plan):
    assert NewestPlan(RACK).is_news(attrs.evolve(plan, number=BEFORE_ALL))


def test_a_plan_of_another_rack_is_refused_even_when_it_is_newer():
    plan = RackPlan(rack=OTHER, number=BEFORE_ALL, managed_by=ProcessId("region1/1"))
    with pytest.raises(StalePlan, match="for rack rack0002, this is rack0001"):
        NewestPlan(RACK).is_news(plan)
