"""The kernel's filter, run here step by step: DHCP comes through, and nothing else does."""

import struct

import pytest

from evenrack.model.dhcp_packets import Asker, discover
from evenrack.rack.listen.packet_filter import dhcp_only
from tests.lab.traffic.dhcp_server_side import answer_payload, server_frame

BROADCAST, FOR_ANOTHER_HOST = 1, 3
ASKS = discover(Asker(mac=b"\x02lab\x01\x02", transaction=7))
ANSWERS = server_frame(answer_payload(2, 7, b"\x02lab\x01\x02"), options_of_ip=bytes(8))


LOADS = {0x20: 4, 0x28: 2, 0x30: 1, 0x40: 4}
TESTS = {0x15: lambda found, value: found == value, 0x45: lambda found, value: found & value}


def read(frame, at, size, kind):
    if at >= 0xFFFFF000:
        assert at - 0xFFFFF000 == 4
        return kind
    return int.from_bytes(frame[at : at + size]) if at + size <= len(frame) else None


def taken(frame, kind=BROADCAST):
    """How many bytes of a frame the filter takes, by linux/filter.h; what is not there is none."""
    found, index, at = 0, 0, 0
    steps = list(struct.iter_unpack("=HBBI", dhcp_only()))
    while found is not None and steps[at][0] != 0x06:
        code, yes, no, value = steps[at]
        at += 1
        if code in LOADS:
            found = read(frame, value + (index if code == 0x40 else 0), LOADS[code], kind)
        elif code in TESTS:
            at += yes if TESTS[code](found, value) else no
        else:
            assert code == 0xB1
            index = 4 * (frame[value] & 0x0F)
    return 0 if found is None else steps[at][3]


def changed(frame, at, value):
    return frame[:at] + bytes([value]) + frame[at + 1 :]


@pytest.mark.parametrize("frame", [ASKS, ANSWERS], ids=["question", "answer"])
def test_what_clients_and_servers_say_comes_through(frame):
    assert taken(frame) >= len(frame)


@pytest.mark.parametrize(
    ("what", "frame"),
    [
        ("another protocol", changed(ASKS, 13, 6)),
        ("TCP", changed(ASKS, 23, 6)),
        ("a fragment", changed(ASKS, 20, 0x20)),
        ("from another port", changed(ASKS, 35, 67)),
        ("to another port", changed(ASKS, 37, 69)),
        ("an answer to a relay", server_frame(ANSWERS[50:], ports=(67, 67))),
        ("half a header", ASKS[:36]),
        ("nothing", b""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_else_does(what, frame):
    assert taken(frame) == 0


def test_what_is_for_another_host_or_vlan_does_not():
    assert taken(ASKS, kind=FOR_ANOTHER_HOST) == 0
