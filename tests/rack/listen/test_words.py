"""What rackd and its listener say to each other is read as it was said, or refused."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.rack.listen.words import (
    MOST_ERROR_CHARACTERS,
    Order,
    Told,
    as_line,
    order_from_line,
    told_from_line,
)

orders = st.builds(
    Order,
    interfaces=st.lists(st.text()).map(tuple),
    probe_seconds=st.floats(0, 1e6, allow_nan=False),
)
tellings = st.builds(
    Told,
    interface=st.text(),
    server=st.none() | st.ip_addresses(v=4),
    mac=st.none() | st.text(),
    error=st.text(max_size=20),
)


@given(orders, tellings)
def test_every_line_is_one_line_and_read_as_it_was_written(order, told):
    for words, read in ((order, order_from_line), (told, told_from_line)):
        line = as_line(words)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert read(line) == words


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b'{"interface": 1}', b"\xff", b'{"x": "y"}', b"[" * 100_000],
    ids=["nothing", "half", "list", "other kind", "no text", "other key", "nested"],
)
def test_what_is_no_line_of_theirs_is_refused(line):
    for read in (order_from_line, told_from_line):
        with pytest.raises(ValueError, match=r".+"):
            read(line)


def test_an_error_is_no_longer_than_it_has_to_be():
    told = Told(interface="a", server=IPv4Address(1), error="x" * 1000)
    assert len(told.error) == MOST_ERROR_CHARACTERS
