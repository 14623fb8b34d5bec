"""How long to wait before the next try."""

from hypothesis import given
from hypothesis import strategies as st

from evenrack.runtime.backoff import FIRST_SECONDS, MOST_SECONDS, next_delay

SHARES = st.floats(0, 1)


@given(st.integers(0, 10_000), SHARES)
def test_a_pause_is_never_none_and_never_longer_than_the_most(attempt, share):
    delay = next_delay(attempt, lambda: share)
    assert FIRST_SECONDS / 2 <= delay <= MOST_SECONDS


@given(st.integers(1, 100), SHARES)
def test_pauses_grow_from_try_to_try(attempt, share):
    assert next_delay(attempt + 1, lambda: share) >= next_delay(attempt, lambda: share)


@given(st.integers(1, 100))
def test_a_thousand_racks_come_back_over_half_of_the_pause(attempt):
    latest = next_delay(attempt, lambda: 1.0)
    assert next_delay(attempt, lambda: 0.0) == latest / 2


def test_the_first_try_comes_soon_and_after_a_dozen_the_pause_is_the_longest():
    assert next_delay(1, lambda: 1.0) == FIRST_SECONDS
    assert next_delay(12, lambda: 1.0) == MOST_SECONDS
