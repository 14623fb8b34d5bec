"""What dhcpd appends to its file of leases, cut into entries."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evenrack.rack.dhcp.entry_cutter import MOST_REST_BYTES, EntryCutter

TEXT = b"# words\n\na {\n  b {\n  }\n}\n\nc {\n}\nd {\n"


def cut(pieces):
    cutter = EntryCutter()
    return [entry for piece in pieces for entry in cutter.entries(piece) if entry]


@given(st.lists(st.integers(0, len(TEXT)), max_size=4).map(sorted))
def test_entries_are_the_same_whatever_the_pieces_and_one_that_has_not_ended_is_none(cuts):
    ends = [0, *cuts, len(TEXT)]
    pieces = [TEXT[begin:end] for begin, end in pairwise(ends)]
    assert cut(pieces) == [b"# words\n\na {\n  b {\n  }", b"\nc {"]


def test_what_has_no_end_is_not_kept_for_ever():
    cutter = EntryCutter()
    for _ in range(10):
        cutter.entries(b"x" * MOST_REST_BYTES)
    assert len(cutter.rest) <= MOST_REST_BYTES
