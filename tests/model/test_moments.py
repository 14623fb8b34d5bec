"""Moments as they are told."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.moments import as_text, moment_from_text


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001
)
def test_a_moment_is_read_back_to_the_millisecond(moment):
    read = moment_from_text(as_text(moment))
    assert abs(read - moment).total_seconds() < 0.001
    assert read.tzinfo is not None


def test_it_is_written_in_utc():
    assert as_text(datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)) == "2026-05-04T03:02:01.000Z"


@pytest.mark.parametrize("text", ["2026-05-04T03:02:01", "yesterday", ""])
def test_what_is_no_moment_or_has_no_time_zone_is_refused(text):
    with pytest.raises(ValueError, match=r"time zone|Invalid"):
        moment_from_text(text)
