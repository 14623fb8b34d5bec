"""DHCP packets: what a client sends says what RFC 2131 wants, and only whole answers are read."""

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_packets import (
    Asker,
    Kind,
    discover,
    read_answer,
    request_init_reboot,
    request_rebinding,
    request_selecting,
    server_asked,
)
from tests.lab.traffic.dhcp_server_side import (
    ADDRESS,
    SERVER,
    answer_payload,
    read_question,
    server_frame,
    written,
)

MAC = b"\x02lab\x01\x02"
ASKER = Asker(mac=MAC, transaction=0xDEADBEEF, seconds=4)
NOWHERE = IPv4Address(0)
BROADCAST = IPv4Address("255.255.255.255")

macs = st.binary(min_size=6, max_size=6)
addresses = st.integers(1, 2**32 - 1).map(IPv4Address)
transactions = st.integers(0, 2**32 - 1)
askers = st.builds(Asker, mac=macs, transaction=transactions, seconds=st.integers(0, 10**6))
kinds = st.sampled_from([Kind.OFFER, Kind.ACK, Kind.NAK])
codes = st.integers(1, 254).filter(lambda code: code not in {51, 52, 53, 54})
other_options = st.dictionaries(codes, st.binary(max_size=60), max_size=5)


@given(askers, addresses, addresses)
def test_every_question_is_a_broadcast_that_says_who_asks_and_for_how_long(asker, address, server):
    for frame in (
        discover(asker),
        request_selecting(asker, address=address, server=server),
        request_rebinding(asker, address=address),
        request_init_reboot(asker, address=address),
    ):
        question = read_question(frame)
        assert question.ethernet == b"\xff" * 6 + asker.mac
        assert question.destination == BROADCAST
        assert question.ports == (68, 67)
        assert (question.mac, question.transaction) == (asker.mac, asker.transaction)
        assert question.seconds == min(asker.seconds, 65535)
        assert len(frame) >= 14 + 28 + 300


def test_each_kind_of_question_names_addresses_where_the_rfc_wants_them():
    found = read_question(discover(ASKER))
    assert (found.options[53], found.source, found.flags) == (b"\x01", NOWHERE, 0x8000)
    assert {50, 54} & found.options.keys() == set()
    found = read_question(request_selecting(ASKER, address=ADDRESS, server=SERVER))
    assert (found.options[53], found.source, found.in_use) == (b"\x03", NOWHERE, NOWHERE)
    assert (found.options[50], found.options[54]) == (ADDRESS.packed, SERVER.packed)
    found = read_question(request_rebinding(ASKER, address=ADDRESS))
    assert (found.options[53], found.source, found.in_use) == (b"\x03", ADDRESS, ADDRESS)
    assert ({50, 54} & found.options.keys(), found.flags) == (set(), 0)
    found = read_question(request_init_reboot(ASKER, address=ADDRESS))
    assert (found.options[53], found.in_use, found.flags) == (b"\x03", NOWHERE, 0x8000)
    assert (found.options[50], 54 in found.options) == (ADDRESS.packed, False)


answers = st.fixed_dictionaries(
    {
        "kind": kinds,
        "transaction": transactions,
        "mac": macs,
        "address": addresses,
        "server": addresses,
    }
)
wrappings = st.fixed_dictionaries(
    {
        "options_of_ip": st.sampled_from([b"", bytes(4), bytes(40)]),
        "padding": st.binary(max_size=20),
    }
)


@given(answers, st.integers(0, 2**32 - 1), other_options, wrappings)
def test_every_answer_is_read_as_it_was_sent(answer, lease, others, wrapping):
    options = [(51, struct.pack("!I", lease)), *others.items()]
    read = read_answer(server_frame(answer_payload(**answer, options=options), **wrapping))
    assert {name: getattr(read, name) for name in answer} == answer
    assert read.lease_seconds == lease
    assert {code: read.options[code] for code in others} == others


def test_options_that_are_split_or_stand_elsewhere_are_joined():
    payload = answer_payload(
        Kind.ACK,
        1,
        MAC,
        options=[(52, b"\x03"), (6, b"abcd"), (6, b"efgh")],
        boot_file=written([(6, b"ijkl")]),
        server_name=written([(15, b"lab")]),
    )
    read = read_answer(server_frame(payload))
    assert (read.options[6], read.options[15]) == (b"abcdefghijkl", b"lab")
    assert read.lease_seconds is None


def test_padding_between_options_is_no_option():
    payload = answer_payload(Kind.OFFER, 1, MAC)
    padded = payload[:240] + bytes(3) + payload[240:]
    assert read_answer(server_frame(padded)) == read_answer(server_frame(payload))


def changed(frame, at, value):
    return frame[:at] + bytes([value]) + frame[at + 1 :]


GOOD = server_frame(answer_payload(Kind.OFFER, 1, MAC))


@pytest.mark.parametrize(
    ("what", "frame"),
    [
        ("another protocol than IPv4", changed(GOOD, 13, 6)),
        ("another version of IP", changed(GOOD, 14, 0x65)),
        ("an IP header that is too short", changed(GOOD, 14, 0x44)),
        ("an IP header longer than all", changed(GOOD, 16, 0)[:17] + b"\x10" + GOOD[18:]),
        ("a fragment", changed(GOOD, 20, 0x20)),
        ("a later fragment", changed(GOOD, 21, 9)),
        ("TCP", changed(GOOD, 23, 6)),
        ("a client's port", server_frame(GOOD[42:], ports=(68, 67))),
        ("UDP without room for its header", server_frame(b"")[:16] + b"\0\x16" + GOOD[18:36]),
        ("UDP that is longer than its packet", changed(GOOD, 38, 0xFF)),
        ("a question", changed(GOOD, 42, 1)),
        ("other hardware", changed(GOOD, 43, 6)),
        ("another length of addresses", changed(GOOD, 44, 7)),
        ("BOOTP without a cookie", changed(GOOD, 42 + 236, 0)),
        ("no kind", server_frame(answer_payload(Kind.OFFER, 1, MAC)[:240] + b"\xff")),
        ("a client's kind", changed(GOOD, 42 + 242, Kind.DISCOVER)),
        ("a kind that does not exist", changed(GOOD, 42 + 242, 99)),
        ("no server", server_frame(GOOD[42 : 42 + 243] + b"\xff")),
        ("an option longer than the packet", server_frame(GOOD[42:-1] + b"\x0c\x09ab")),
        ("an option without a length", server_frame(GOOD[42:-1] + b"\x0c")),
        (
            "a broken option elsewhere",
            server_frame(
                answer_payload(
                    Kind.OFFER, 1, MAC, options=[(52, b"\x02")], server_name=b"\x0c\xff" + b"x" * 62
                )
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_whole_answer_is_read_as_nothing(what, frame):
    assert read_answer(GOOD) is not None
    assert read_answer(frame) is None


@given(st.binary(max_size=400))
def test_garbage_is_read_as_nothing(garbage):
    assert read_answer(garbage) is None


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=60), st.integers(0, len(GOOD)))
def test_whatever_is_wrong_in_an_answer_reading_it_breaks_nothing(at, other, end):
    read_answer((GOOD[:at] + other + GOOD[at + len(other) :])[:end])
    read_answer(GOOD[:at] + other + GOOD[at + len(other) :])


@given(askers, addresses, addresses)
def test_who_takes_an_offer_says_whose_and_nobody_else_does(asker, address, server):
    assert server_asked(request_selecting(asker, address=address, server=server)) == server
    for frame in (
        discover(asker),
        request_rebinding(asker, address=address),
        request_init_reboot(asker, address=address),
        server_frame(answer_payload(Kind.ACK, asker.transaction, asker.mac, server=server)),
    ):
        assert server_asked(frame) is None


TAKES = request_selecting(ASKER, address=ADDRESS, server=SERVER)


def test_what_a_relay_brings_is_no_clients_word():
    at = 42 + 24
    assert server_asked(TAKES[:at] + ADDRESS.packed + TAKES[at + 4 :]) is None
    assert server_asked(changed(TAKES, 35, 67)) is None  # from a relay's port


def test_an_answer_says_which_relay_brought_it():
    at = 42 + 24
    assert read_answer(GOOD).relay == NOWHERE
    assert read_answer(GOOD[:at] + ADDRESS.packed + GOOD[at + 4 :]).relay == ADDRESS


def test_a_question_may_come_from_another_card_than_the_one_that_asks():
    sender = b"\x02nic\0\1"
    found = read_question(discover(ASKER, {60: b"x"}, sender=sender))
    assert (found.ethernet, found.mac) == (b"\xff" * 6 + sender, MAC)
    assert found.options[60] == b"x"


@given(st.integers(0, len(TAKES) - 1), st.binary(max_size=60), st.integers(0, len(TAKES)))
def test_whatever_is_wrong_in_a_question_reading_it_breaks_nothing(at, other, end):
    server_asked((TAKES[:at] + other + TAKES[at + len(other) :])[:end])
    server_asked(TAKES[:at] + other + TAKES[at + len(other) :])
