"""How many addresses are free, as people read it."""

import pytest

from evenrack.model.free_in_words import free_in_words


@pytest.mark.parametrize(
    ("free", "total", "words"),
    [
        (0, 0, "0 of 0"),
        (7, 2048, "7 of 2048"),
        (999_999_998, 999_999_999, "999999998 of 999999999"),
        (2**64 - 12, 2**64, "all but 12 of 1.8e19"),
        (2**127, 2**127, "all but 0 of 1.7e38"),
        (2**64 // 20, 2**64, "9.2e17 of 1.8e19"),
        (3, 2**64, "3 of 1.8e19"),
    ],
)
def test_small_numbers_are_exact_and_of_large_ones_what_matters(free, total, words):
    assert free_in_words(free, total) == words
