"""Whether who looks again and again has looked all the time."""

import pytest
from twisted.internet.task import Clock

from evenrack.region.regular_looks import REMEMBERED, SEEN_SECONDS, SLOW_SECONDS, RegularLooks

ONCE = SEEN_SECONDS + 1
"""Too long between two looks, but where they are always so far apart."""


class Looking:
    def __init__(self):
        self.clock = Clock()
        self.looks = RegularLooks(self.clock)

    def after(self, *gaps):
        """Look after each gap; say of each whether it follows the one before."""
        found = []
        for gap in gaps:
            self.clock.advance(gap)
            found.append(self.looks.follows())
        return found


@pytest.fixture
def looking():
    return Looking()


def test_the_first_look_follows_none_and_one_that_comes_soon_follows_it(looking):
    assert looking.after(0, 1, SEEN_SECONDS, 0) == [False, True, True, True]


def test_a_look_after_a_pause_follows_none(looking):
    looking.after(0, *[1] * REMEMBERED)
    assert looking.after(ONCE, 1, 1, 1, 1, 1, ONCE) == [False, True, True, True, True, True, False]


def test_where_looks_always_take_long_they_follow_each_other(looking):
    slow = [False] * (1 + REMEMBERED) + [True, True, True]
    assert looking.after(0, *[ONCE] * (REMEMBERED + 3)) == slow
    assert looking.after(2 * ONCE, 2 * ONCE + 0.1) == [True, False]


@pytest.mark.parametrize("quick", [[1.4], [1, 1], [0.1, 0.1, 0.1]])
def test_a_look_that_is_quick_for_once_ends_no_habit(looking, quick):
    often = [ONCE, *quick, ONCE]
    looking.after(0, *often, *often)
    assert looking.after(*often, *often) == [True] * 2 * len(often)


def test_one_pause_among_slow_looks_follows_none_and_no_habit_allows_any(looking):
    looking.after(0, *[ONCE] * REMEMBERED)
    assert looking.after(60, ONCE) == [False, True]
    looking.after(*[60] * REMEMBERED)
    assert looking.after(SLOW_SECONDS, SLOW_SECONDS + 0.1) == [True, False]
