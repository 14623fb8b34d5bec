"""Token buckets: what is let through in any time, and what one who waits may count on."""

from hypothesis import given
from hypothesis import strategies as st

from evenrack.region.http.rate_limit import Rate, RateLimit

rates = st.builds(
    Rate,
    per_second=st.floats(0.1, 1000),
    burst=st.integers(1, 300),
)
gaps = st.lists(st.floats(0, 10), max_size=200)


@given(rates, gaps)
def test_in_no_time_more_is_taken_than_the_burst_and_what_grew_since(rate, waits):
    limit, now, taken = RateLimit(rate), 0.0, []
    for gap in waits:
        now += gap
        if not limit.take("one", now):
            taken.append(now)
    for first, begin in enumerate(taken):
        for last, end in enumerate(taken[first:], start=first):
            assert last - first + 1 <= rate.burst + (end - begin) * rate.per_second + 0.2


@given(rates)
def test_a_whole_burst_is_let_through_at_once_and_not_one_more(rate):
    limit = RateLimit(rate)
    assert [limit.take("one", 5.0) for _ in range(rate.burst)] == [0.0] * rate.burst
    assert limit.take("one", 5.0) > 0


@given(rates, st.floats(0, 1e9))
def test_who_rested_may_take_a_burst_and_not_one_more_however_long_it_was(rate, rest):
    limit = RateLimit(rate)
    while not limit.take("one", 0.0):
        pass
    later = rest + rate.burst / rate.per_second + 1
    assert [limit.take("one", later) for _ in range(rate.burst)] == [0.0] * rate.burst
    assert limit.take("one", later) > 0


@given(rates, gaps)
def test_one_who_waits_as_long_as_told_is_let_through(rate, waits):
    limit, now = RateLimit(rate), 0.0
    for gap in waits:
        now += gap
        wait = limit.take("one", now)
        if wait:
            assert limit.wait("one", now) == wait, "a refused one costs nothing"
            now += wait
            assert limit.take("one", now) == 0


@given(rates, gaps)
def test_one_who_keeps_to_the_rate_never_waits(rate, waits):
    limit, now = RateLimit(rate), 0.0
    for gap in waits:
        now += max(gap, 1 / rate.per_second)
        assert limit.take("one", now) == 0


@given(rates, st.lists(st.tuples(st.floats(0, 10), st.sampled_from("ab")), max_size=100))
def test_keys_know_nothing_of_each_other(rate, asked):
    both, now = RateLimit(rate), 0.0
    alone = {key: RateLimit(rate) for key in "ab"}
    for gap, key in asked:
        now += gap
        assert both.take(key, now) == alone[key].take(key, now)


@given(rates, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 50)), max_size=200))
def test_never_more_keys_are_remembered_than_allowed(rate, asked):
    limit, now = RateLimit(rate, most_keys=5), 0.0
    for gap, key in asked:
        now += gap
        limit.take(key, now)
        assert len(limit) <= 5


def test_the_one_who_waits_longest_is_not_forgotten_for_newcomers():
    limit = RateLimit(Rate(per_second=0.1, burst=3), most_keys=3)
    while not limit.take("loud", 0.0):
        pass
    for number in range(10):
        assert limit.take(number, 0.0) == 0
    assert limit.take("loud", 0.0) > 0
