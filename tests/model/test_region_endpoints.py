"""The list of region processes on the wire and on disk."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.region_endpoints import (
    MOST_ADDRESSES,
    MOST_PROCESSES,
    endpoints_fingerprint,
    endpoints_from_json,
    endpoints_to_json,
)
from tests.strategies import region_endpoints

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("10.0.0.1:5251"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(region_endpoints)
def test_what_is_written_as_json_text_is_read_back_the_same(endpoints):
    assert endpoints_from_json(json.loads(json.dumps(endpoints_to_json(endpoints)))) == endpoints


@given(region_endpoints, region_endpoints)
def test_equal_lists_and_only_they_have_equal_fingerprints(one, other):
    same = one == other
    assert (endpoints_fingerprint(one) == endpoints_fingerprint(other)) == same


@given(region_endpoints)
def test_the_order_of_processes_does_not_change_the_fingerprint(endpoints):
    turned = dict(reversed(endpoints.items()))
    assert endpoints_fingerprint(turned) == endpoints_fingerprint(endpoints)


def test_the_order_of_addresses_does_since_it_is_the_order_to_try():
    forms = [{"region1/1": texts} for texts in (["a:1", "b:1"], ["b:1", "a:1"])]
    first, second = (endpoints_fingerprint(endpoints_from_json(form)) for form in forms)
    assert first != second


@given(ANY_JSON)
def test_any_json_is_read_or_refused_with_value_error(form):
    try:
        endpoints = endpoints_from_json(form)
    except ValueError:
        return
    assert endpoints_from_json(endpoints_to_json(endpoints)) == endpoints


@pytest.mark.parametrize(
    "form",
    [
        None,
        ["10.0.0.1:5251"],
        {"region1/1": "10.0.0.1:5251"},
        {"region1/1": [5251]},
        {"region1/1": ["10.0.0.1"]},
        {"region1/1": ["10.0.0.1:5251"] * (MOST_ADDRESSES + 1)},
        {f"region{number}/1": [] for number in range(MOST_PROCESSES + 1)},
    ],
)
def test_what_is_no_list_or_far_too_large_is_refused(form):
    with pytest.raises(ValueError, match=r"processes|addresses|host:port"):
        endpoints_from_json(form)
