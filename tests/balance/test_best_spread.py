"""The oracle is itself compared with trying everything, on problems small enough for that."""

from collections import Counter
from itertools import product

from hypothesis import given

from tests.balance.best_spread import lowest_maximum, lowest_sum_of_squares
from tests.strategies import spread_problems


@given(spread_problems(most_bins=3, most_items=5))
def test_the_oracle_agrees_with_trying_every_assignment(problem):
    bins, items = problem
    names = [b.id for b in bins]
    reaches = [item.reach for item in items if item.reach]
    tried = [Counter(owners) for owners in product(*reaches)]
    maximum = min(max(loads.values(), default=0) for loads in tried)
    squares = min(sum(load**2 for load in loads.values()) for loads in tried)
    assert lowest_maximum(names, reaches) == maximum
    assert lowest_sum_of_squares(names, reaches) == squares
