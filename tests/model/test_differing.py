"""What differs between two lists of very many objects, without comparing them."""

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.differing import unlike

THINGS = [object() for _ in range(5)]
some = st.lists(st.sampled_from(THINGS), max_size=8)


@given(some, some)
def test_what_is_left_out_stands_at_the_ends_of_both(before, after):
    old, new = unlike(before, after)
    left_out = len(before) - len(old)
    assert len(after) - len(new) == left_out
    assert any(
        [*before[:begin], *old, *before[begin + len(old) :]] == before
        and [*before[:begin], *new, *before[begin + len(old) :]] == after
        for begin in range(left_out + 1)
    )
    assert not (old and new and (old[0] is new[0] or old[-1] is new[-1]))


@given(some, st.lists(st.builds(object), max_size=3), some)
def test_only_what_came_between_is_left(first, came, last):
    assert unlike([*first, *last], [*first, *came, *last]) == ([], came)
