"""A rack's plan on the wire and on disk."""

import json
from ipaddress import IPv4Address

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, ProcessId, RackId
from evenrack.model.power import BmcTarget
from evenrack.model.rack_plan import RackPlan, rack_plan_from_json, rack_plan_to_json
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.strategies_reports import rack_plans

FLEET = dhcp_fleet({1: [1, 2]}, services={1: (1, 2)})
FORM = {"rack": "rack0001", "generation": "1.2", "managed_by": "region1/1"}


@given(rack_plans)
def test_what_is_written_as_json_text_is_read_back_the_same(plan):
    assert rack_plan_from_json(json.loads(json.dumps(rack_plan_to_json(plan)))) == plan


@given(rack_plans, rack_plans)
def test_equal_plans_and_only_they_have_equal_fingerprints(plan, other):
    assert plan.fingerprint == attrs.evolve(plan).fingerprint
    assert (plan == other) == (plan.fingerprint == other.fingerprint)


def test_every_field_changes_the_fingerprint():
    plan = RackPlan(
        rack=RackId("rack0001"), number=FleetNumber(1, 2), managed_by=ProcessId("region1/1")
    )
    others = [
        attrs.evolve(plan, rack=RackId("rack0002")),
        attrs.evolve(plan, number=FleetNumber(1, 3)),
        attrs.evolve(plan, managed_by=ProcessId("region1/2")),
        attrs.evolve(plan, dhcp=dhcp_plan_for(FLEET, rack_id(1))),
        attrs.evolve(plan, bmcs=(BmcTarget(bmc=BmcId(1), address=IPv4Address("10.0.0.9")),)),
    ]
    assert len(others) == len(attrs.fields(RackPlan))
    assert len({p.fingerprint for p in [plan, *others]}) == 6


def test_fingerprints_stay_the_same_from_version_to_version():
    # A rack and a region of two versions compare them: another text would resend every plan.
    assert rack_plan_from_json(FORM).fingerprint == (
        "ba75f7e446f91b2831e85034c36087718abde2b75b3e10605653a5a2ab0f87c8"
    )


@pytest.mark.parametrize(
    "form",
    [
        None,
        [],
        "plan",
        {},
        {**FORM, "more": "1"},
        {**FORM, "generation": 1.2},
        {**FORM, "generation": "1"},
        {**FORM, "rack": None},
        {**FORM, "managed_by": ["region1/1"]},
    ],
)
def test_what_is_no_plan_is_refused(form):
    with pytest.raises(ValueError, match=r"it|era\.generation"):
        rack_plan_from_json(form)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*FORM, "x"]), inner),
    max_leaves=6,
)


@given(ANY_JSON)
def test_any_json_is_read_or_refused_with_value_error(form):
    try:
        plan = rack_plan_from_json(form)
    except ValueError:
        return
    assert rack_plan_to_json(plan).keys() == {*FORM, "dhcp", "bmcs"}
