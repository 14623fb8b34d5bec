"""Large forms as JSON text in pieces: to the byte what the versions before wrote at once."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_plan import dhcp_fingerprint, dhcp_plan_as_json
from evenrack.model.json_form import to_json
from evenrack.model.json_text import json_pieces, json_text
from tests.strategies_dhcp import dhcp_plans
from tests.strategies_reports import rack_plans

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
)


def at_once(form):
    return json.dumps(form, sort_keys=True)


@given(ANY_JSON)
def test_any_form_is_written_as_at_once(form):
    assert json_text(form) == at_once(form)


@pytest.mark.parametrize("length", [1, 499, 500, 501, 1_000, 2_345])
@pytest.mark.parametrize("member", [7, "text", {"b": 1, "a": "x"}, [1], {"a": [1, 2]}])
def test_long_lists_are_written_as_at_once_and_in_small_pieces(member, length):
    form = {"lists": {"long": [member] * length}}
    assert json_text(form) == at_once(form)
    assert max(map(len, json_pieces(form))) <= 500 * len(at_once(member) + ", ")


@given(dhcp_plans())
def test_a_dhcp_plan_is_written_and_named_as_at_once(plan):
    text = at_once(to_json(plan))
    assert "".join(dhcp_plan_as_json(plan)) == text
    assert dhcp_fingerprint(plan) == (hashlib.sha256(text.encode()).hexdigest() if plan else "")


@given(rack_plans)
def test_a_racks_plan_is_written_and_named_as_at_once(plan):
    text = at_once(to_json(plan))
    assert "".join(plan.as_json()) == text
    assert plan.fingerprint == hashlib.sha256(text.encode()).hexdigest()


@given(dhcp_plans())
def test_what_was_written_of_a_vlan_is_not_written_again(plan):
    for service in plan:
        assert service.vlan.as_json is service.vlan.as_json
