"""The band inside which nothing moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.policy import MANAGING, SpreadPolicy

policies = st.builds(SpreadPolicy, theta=st.floats(0, 2), gap=st.integers(-1, 6))


@given(policies, st.integers(0, 10_000))
def test_m3_no_policy_ever_moves_across_a_gap_of_one(policy, load):
    assert policy.need(load) >= load + 2


@given(policies, st.integers(0, 10_000))
def test_a_heavier_target_needs_a_heavier_source(policy, load):
    assert policy.need(load + 1) > policy.need(load)


@pytest.mark.parametrize(
    ("load", "need"), [(0, 2), (1, 3), (9, 11), (10, 12), (19, 21), (20, 23), (100, 111)]
)
def test_p6_by_default_a_tenth_more_is_borne_and_more_than_that_is_not(load, need):
    assert MANAGING.need(load) == need


def test_the_gap_is_what_counts_for_small_loads():
    assert SpreadPolicy(theta=0.5, gap=4).need(2) == 6


@given(policies, st.integers(0, 500))
def test_what_a_bin_may_give_to_is_what_needs_no_more_than_it_has(policy, load):
    lightest_first = [target for target in range(load + 1) if policy.need(target) <= load]
    assert policy.lightened(load) == max(lightest_first, default=-1)
