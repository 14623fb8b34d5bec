"""How far a clock is off, by a question and its answer: never more than is sure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.clock_gap import (
    NOTICEABLE_SECONDS,
    WRONG_SECONDS,
    in_words,
    is_wrong,
    recorded_anew,
    surely_ahead,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = 3600.0


def after(seconds):
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("asked", "answered", "ahead"),
    [
        (HOUR, HOUR + 0.2, HOUR),
        (-HOUR - 0.2, -HOUR, -HOUR),
        (-0.1, 0.1, 0.0),
        (-30.0, 0.1, 0.0),
        (0.0, 0.0, 0.0),
        (-5.0, HOUR, 0.0),
    ],
    ids=["an hour ahead", "an hour behind", "right", "a slow answer", "at once", "set meanwhile"],
)
def test_what_lies_between_question_and_answer_counts_as_right(asked, answered, ahead):
    assert surely_ahead(after(asked), NOON, after(answered)) == pytest.approx(ahead)


@given(
    off=st.floats(-1e7, 1e7),
    there=st.floats(0, 60),
    back=st.floats(0, 60),
)
def test_no_clock_is_said_to_be_further_off_than_it_is(off, there, back):
    found = surely_ahead(after(off - there), NOON, after(off + back))
    assert abs(found) <= abs(off) + 1e-5
    assert found == 0 or (found > 0) == (off > 0)
    assert abs(found - off) <= max(there, back) + 1e-5


def test_only_what_changed_noticeably_is_recorded_anew():
    assert recorded_anew(None, 0.04) == 0.0
    assert recorded_anew(0.0, NOTICEABLE_SECONDS - 0.01) == 0.0
    assert recorded_anew(0.0, NOTICEABLE_SECONDS + 0.01) == 1.0
    assert recorded_anew(3600.0, 0.02) == 0.0
    assert recorded_anew(3600.0, 3599.5) == 3600.0


def test_a_clock_is_wrong_by_more_than_five_seconds_and_an_unknown_one_is_not():
    assert [is_wrong(each) for each in (None, 0.0, WRONG_SECONDS, -WRONG_SECONDS)] == [False] * 4
    assert is_wrong(5.1)
    assert is_wrong(-5.1)


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (3600.0, "1 h ahead of the database's"),
        (-3599.6, "1 h behind the database's"),
        (90061.0, "1 d 1 h 1 min 1 s ahead of the database's"),
        (-7.0, "7 s behind the database's"),
        (0.0, "0 s behind the database's"),
    ],
)
def test_a_difference_is_said_in_words(ahead, said):
    assert in_words(ahead) == said
