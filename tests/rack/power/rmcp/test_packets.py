"""The outside of datagrams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.rack.power.rmcp.packets import RAKP_1, plain_packet, read_packet, session_header


@given(st.binary(max_size=100), st.integers(0, 255))
def test_what_is_made_is_read(payload, kind):
    packet = read_packet(plain_packet(kind, payload))
    assert (packet.kind, packet.session, packet.sequence) == (kind, 0, 0)
    assert (packet.payload, packet.trailer) == (payload, b"")


@given(st.binary(max_size=60))
def test_whatever_comes_is_read_or_is_none(datagram):
    read_packet(datagram)
    read_packet(b"\x06\x00\xff\x07\x06" + datagram)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x06\x00\xff",
        b"\x06\x00\xff\x07",
        b"\x05" + plain_packet(RAKP_1, b"x")[1:],
        b"\x06\x00\xff\x06" + plain_packet(RAKP_1, b"x")[4:],  # the class of ASF
    ],
)
def test_what_is_no_rmcp_or_too_short_is_none(datagram):
    assert read_packet(datagram) is None


def test_a_datagram_of_ipmi_1_5_and_one_that_is_cut_are_none():
    whole = plain_packet(RAKP_1, b"twelve bytes")
    assert read_packet(whole[:4] + b"\x02" + whole[5:]) is None
    assert read_packet(whole[:-1]) is None


def test_the_header_of_a_session_has_its_lowest_bytes_first():
    assert session_header(0xC0, 0x01020304, 0x0A, 0x0102).hex() == "06c0040302010a0000000201"
