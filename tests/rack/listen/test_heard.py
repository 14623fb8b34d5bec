"""Which servers are heard in frames: those that give addresses, or take them away."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_packets import Asker, Kind, discover, request_rebinding, request_selecting
from evenrack.rack.listen.heard import (
    MOST_AT_ONCE,
    PROBE_MAC,
    SAME_SECONDS,
    Recently,
    ServerHeard,
    probe,
    server_heard,
)
from tests.lab.traffic.dhcp_server_side import (
    ADDRESS,
    SERVER,
    answer_payload,
    read_question,
    server_frame,
)

MAC = b"\x02lab\x01\x02"
ASKER = Asker(mac=MAC, transaction=7)
NOWHERE = IPv4Address(0)
FROM_SERVER = "02:00:00:00:00:01"


def answer(kind, *, relay=NOWHERE, **parts):
    payload = answer_payload(kind, 7, MAC, **parts)
    return server_frame(payload[:24] + relay.packed + payload[28:])


@pytest.mark.parametrize(
    ("what", "frame", "heard"),
    [
        ("an offer", answer(Kind.OFFER), (SERVER, FROM_SERVER)),
        ("an acknowledgement", answer(Kind.ACK), (SERVER, FROM_SERVER)),
        ("a refusal", answer(Kind.NAK, address=NOWHERE), (SERVER, FROM_SERVER)),
        ("an offer by a relay", answer(Kind.OFFER, relay=ADDRESS), (SERVER, None)),
        (
            "a client that takes an offer",
            request_selecting(ASKER, address=ADDRESS, server=SERVER),
            (SERVER, None),
        ),
        ("a boot server that gives no address", answer(Kind.OFFER, address=NOWHERE), None),
        ("options alone", answer(Kind.ACK, address=NOWHERE), None),
        ("a server without an address", answer(Kind.OFFER, server=NOWHERE), None),
        (
            "a client that takes an offer of nobody",
            request_selecting(ASKER, address=ADDRESS, server=NOWHERE),
            None,
        ),
        ("a client that asks all", discover(ASKER), None),
        ("a client that keeps its address", request_rebinding(ASKER, address=ADDRESS), None),
        ("nothing", b"", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_server_is_heard_where_it_gives_an_address_or_takes_one_away(what, frame, heard):
    found = server_heard(frame)
    assert (None if found is None else (found.address, found.mac)) == heard


@given(st.binary(max_size=600))
def test_garbage_tells_of_no_server(garbage):
    assert server_heard(garbage) is None


def test_a_probe_names_one_card_always_and_comes_from_the_interface():
    sender = b"\x52\x54\0\0\0\1"
    for transaction in (1, 2):
        found = read_question(probe(transaction, sender=sender))
        assert (found.mac, found.transaction) == (PROBE_MAC, transaction)
        assert found.ethernet == b"\xff" * 6 + sender
        assert found.flags == 0x8000  # or else the answer would not reach the interface
        assert (found.options[53], found.options[60]) == (b"\x01", b"evenrack")
    assert PROBE_MAC[0] & 0b11 == 0b10  # locally administered, of one card


def heard(number):
    return ServerHeard(address=IPv4Address(number), mac=None)


def test_a_server_is_told_once_in_a_while():
    recently = Recently()
    assert recently.is_news(heard(1), 0.0)
    assert not recently.is_news(heard(1), SAME_SECONDS - 0.1)
    assert recently.is_news(heard(2), SAME_SECONDS - 0.1)
    assert recently.is_news(heard(1), SAME_SECONDS)


def test_who_makes_up_servers_does_not_make_us_tell_more_than_a_few():
    recently = Recently()
    assert sum(recently.is_news(heard(number), 0.0) for number in range(1000)) == MOST_AT_ONCE
    assert recently.is_news(heard(5000), SAME_SECONDS)
