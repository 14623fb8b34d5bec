"""Identifiers are read whole or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.identifiers import (
    MOST_NAME_CHARACTERS,
    MOST_TOKEN_CHARACTERS,
    host_name_from_text,
    process_id,
    rack_id_from_text,
    region_of,
    token_from_text,
)
from tests.strategies import rack_ids, region_ids

HOSTILE = ["", "\0", "a\nb", "\x1b[2J", "\u202eevil", "\ud800", "a" * 65_536, "\u2028"]


@given(rack_ids)
def test_a_rack_id_is_read_as_it_is(rack):
    assert rack_id_from_text(rack) == rack


@pytest.mark.parametrize(
    "text",
    [*HOSTILE, "rack001", "rack00001", "Rack0001", "rack000\u0661", "rack0001\n", "r/../k01"],
)
def test_what_is_no_rack_id_is_refused(text):
    with pytest.raises(ValueError, match="eight lower-case"):
        rack_id_from_text(text)


@pytest.mark.parametrize("text", [*HOSTILE, "a" * (MOST_NAME_CHARACTERS + 1), "a\tb", "a\x7f"])
def test_a_host_name_that_cannot_be_shown_is_refused(text):
    with pytest.raises(ValueError, match="printable"):
        host_name_from_text(text)


@pytest.mark.parametrize("text", ["rack1", "a" * MOST_NAME_CHARACTERS, "Schrank Süd 3"])
def test_a_host_name_that_can_be_shown_is_read_as_it_is(text):
    assert host_name_from_text(text) == text


@pytest.mark.parametrize("text", ["\0", "a\nb", "ü", "a" * (MOST_TOKEN_CHARACTERS + 1)])
def test_what_is_no_token_is_refused(text):
    with pytest.raises(ValueError, match="printable ASCII"):
        token_from_text(text)


@pytest.mark.parametrize("text", ["", "a", "a" * MOST_TOKEN_CHARACTERS])
def test_a_token_is_read_as_it_is(text):
    assert token_from_text(text) == text


@given(region_ids, st.integers(1, 1000))
def test_a_process_names_its_host(region, instance):
    assert region_of(process_id(region, instance)) == region


@given(region_ids, region_ids, st.integers(1, 99), st.integers(1, 99))
def test_two_processes_never_share_a_name(region, other_region, instance, other_instance):
    same = (region, instance) == (other_region, other_instance)
    assert (process_id(region, instance) == process_id(other_region, other_instance)) == same
