"""ARP: only questions are read, and an answer says who has the address to who asked."""

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_frames import arp_answer, arp_question

ASKER_MAC, MAC = b"\x02asker", b"\x02lab\0\1"
ASKER, WANTED = IPv4Address("10.101.0.2"), IPv4Address("10.101.0.100")


def question(kind=(1, 0x0800, 6, 4), operation=1):
    arp = struct.pack("!HHBBH", *kind, operation) + ASKER_MAC + ASKER.packed
    return b"\xff" * 6 + ASKER_MAC + b"\x08\x06" + arp + bytes(6) + WANTED.packed + bytes(18)


def test_a_question_is_read_and_answered():
    assert arp_question(question()) == WANTED
    answer = arp_answer(question(), MAC)
    assert answer[:14] == ASKER_MAC + MAC + b"\x08\x06"
    assert struct.unpack("!HHBBH", answer[14:22]) == (1, 0x0800, 6, 4, 2)
    assert answer[22:] == MAC + WANTED.packed + ASKER_MAC + ASKER.packed


@pytest.mark.parametrize(
    "frame",
    [
        question(operation=2),
        question(kind=(6, 0x0800, 6, 4)),
        question(kind=(1, 0x86DD, 6, 16)),
        question()[:41],
        b"",
    ],
)
def test_what_is_no_question_is_not_answered(frame):
    assert arp_question(frame) is None


@given(st.binary(max_size=80))
def test_garbage_is_no_question(garbage):
    assert arp_question(garbage) is None
