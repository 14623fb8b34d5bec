"""What dhcpd appends to its file of leases, cut into entries."""

from hypothesis import given

from evenrack.rack.dhcp.entry_cutter import MOST_REST_BYTES, EntryCutter
from tests.rack.dhcp.pieces import in_pieces

TEXT = b"# words\n\na {\n  b {\n  }\n}\n\nc {\n}\nd {\n"


def cut(pieces):
    cutter = EntryCutter()
    return [entry for piece in pieces for entry in cutter.entries(piece) if entry]


@given(in_pieces(TEXT))
def test_entries_are_the_same_whatever_the_pieces_and_one_that_has_not_ended_is_none(drawn):
    _, pieces = drawn
    assert cut(pieces) == [b"# words\n\na {\n  b {\n  }", b"\nc {"]


def test_what_has_no_end_is_not_kept_for_ever():
    cutter = EntryCutter()
    for _ in range(10):
        cutter.entries(b"x" * MOST_REST_BYTES)
    assert len(cutter.rest) <= MOST_REST_BYTES
