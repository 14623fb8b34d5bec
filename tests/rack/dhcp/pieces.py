"""A file in pieces of any size, as it is read while it grows."""

from itertools import pairwise

from hypothesis import strategies as st

MOST_ENTRIES = 8
MOST_CUTS = 4


def file_in_pieces(entries):
    """Draw a file of some of these entries, and the same in pieces."""
    return st.lists(entries, max_size=MOST_ENTRIES).map("".join).flatmap(in_pieces)


def in_pieces(text):
    """Draw pieces of a text, with the text before them."""
    places = st.lists(st.integers(0, len(text)), max_size=MOST_CUTS).map(sorted)
    return places.map(lambda cuts: (text, _cut(text, cuts)))


def _cut(text, cuts):
    return [text[begin:end] for begin, end in pairwise([0, *cuts, len(text)])]
