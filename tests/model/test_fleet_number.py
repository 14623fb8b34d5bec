"""The number of the fleet: compared as a pair, read back as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from tests.strategies import any_fleet_numbers, fleet_numbers


@given(any_fleet_numbers)
def test_what_is_written_is_read_back_the_same(number):
    assert FleetNumber.from_text(str(number)) == number


@given(fleet_numbers, fleet_numbers)
def test_numbers_compare_as_pairs_so_a_new_era_beats_any_generation(one, other):
    assert (one < other) == ((one.era, one.generation) < (other.era, other.generation))


def test_generation_10_is_newer_than_9():
    assert FleetNumber.from_text("1.10") > FleetNumber.from_text("1.9")


@given(any_fleet_numbers)
def test_nothing_is_before_the_number_of_a_rack_without_a_plan(number):
    assert number >= BEFORE_ALL


@given(st.text() | st.text(alphabet="0123456789.-+ _\u0661e"))
def test_any_text_is_read_or_refused_with_one_short_sentence(text):
    outcome = number_or_refusal(text)
    if isinstance(outcome, FleetNumber):
        assert FleetNumber.from_text(str(outcome)) == outcome
    else:
        assert "is not a number of the form era.generation" in str(outcome)
        assert len(str(outcome)) < 100


def number_or_refusal(text):
    try:
        return FleetNumber.from_text(text)
    except ValueError as refusal:
        return refusal


@pytest.mark.parametrize(
    "text",
    ["", "1", ".", "1.", ".1", "1.2.3", "-1.2", "1.+2", "1.2 ", "1_0.2", "\u0661.2", "1e3.1"],
)
def test_what_is_no_pair_of_plain_numbers_is_refused(text):
    with pytest.raises(ValueError, match=r"era\.generation"):
        FleetNumber.from_text(text)


def test_a_number_that_no_database_column_holds_is_refused():
    assert FleetNumber.from_text("9" * 15 + ".0").era < 2**63
    with pytest.raises(ValueError, match=r"era\.generation"):
        FleetNumber.from_text("1." + "9" * 16)
