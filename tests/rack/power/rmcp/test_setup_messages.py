"""Agreeing on a session: what is made, what is read, what is refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcRefusedSuite,
    EvenrackError,
)
from evenrack.rack.power.rmcp.packets import plain_packet
from evenrack.rack.power.rmcp.session_keys import Secrets, bmc_proof, session_keys
from evenrack.rack.power.rmcp.setup_messages import (
    Introduction,
    Opening,
    Proving,
    refusing_message,
)
from evenrack.rack.power.rmcp.suites import SUITES
from tests.rack.power.rmcp.making import OURS, SECRETS, THEIRS, bent, told

TAG = 0x42


def opening(suite=17):
    return Opening(tag=TAG, suite=SUITES[suite], privilege=3, console_session=OURS)


def opened(suite=17, *, tag=TAG, status=0, ours=OURS, theirs=THEIRS, numbers=None):
    chosen = SUITES[suite].algorithms if numbers is None else numbers
    kinds = b"".join(struct.pack("<BxxBBxxx", kind, 8, n) for kind, n in enumerate(chosen))
    return plain_packet(0x11, struct.pack("<BBBxII", tag, status, 3, ours, theirs) + kinds)


def introduction(suite=17):
    return Introduction(
        tag=TAG,
        opening=opening(suite),
        bmc_session=THEIRS,
        console_random=b"c" * 16,
        user=b"operator",
    )


def introduced(suite=17, *, tag=TAG, status=0, ours=OURS, secrets=SECRETS, more=b""):
    found = told(suite)
    proof = bmc_proof(found, secrets)
    head = struct.pack("<BBxxI", tag, status, ours)
    return plain_packet(0x13, head + found.bmc_random + found.bmc_guid + proof + more)


def proved(suite=17, *, tag=TAG, status=0, ours=OURS, secrets=SECRETS, more=b""):
    proof = session_keys(told(suite), secrets).bmc_proof
    return plain_packet(0x15, struct.pack("<BBxxI", tag, status, ours) + proof + more)


@pytest.mark.parametrize("suite", [3, 17])
def test_each_answer_leads_on(suite):
    assert opening(suite).read(opened(suite)) == THEIRS
    assert introduction(suite).read(introduced(suite), SECRETS) == told(suite)
    keys = session_keys(told(suite), SECRETS)
    assert Proving(tag=TAG, told=told(suite)).read(proved(suite), keys) is True


def test_what_is_asked_has_the_form_of_ipmi():
    assert opening().message().hex() == (
        "4203000004030201000000080300000001000008040000000200000801000000"
    )
    said = introduction().message()
    assert said[:8].hex() == "42000000a3a2a1a0"
    assert said[8:24] == b"c" * 16
    assert said[24:] == b"\x13\0\0\x08operator"
    proving = Proving(tag=TAG, told=told()).message(SECRETS)
    assert (proving[:8].hex(), len(proving)) == ("42000000a3a2a1a0", 8 + 32)
    assert refusing_message(TAG, THEIRS).hex() == "420f0000a3a2a1a0"


OTHERS = [opened(tag=1), opened(ours=9), opened(theirs=0), opened()[:-1], introduced(), b""]


@pytest.mark.parametrize("datagram", [*OTHERS, opened()[:16] + b"\x42", plain_packet(0x11, b"B\0")])
def test_an_answer_to_something_else_opens_no_session(datagram):
    assert opening().read(datagram) is None


@pytest.mark.parametrize(
    "datagram", [introduced(tag=1), introduced(ours=9), introduced(more=b"x"), introduced(3)]
)
def test_an_answer_to_something_else_introduces_nobody(datagram):
    assert introduction().read(datagram, SECRETS) is None


@pytest.mark.parametrize("datagram", [proved(tag=1), proved(ours=9), proved(more=b"x"), proved(3)])
def test_an_answer_to_something_else_proves_nothing(datagram):
    keys = session_keys(told(), SECRETS)
    assert Proving(tag=TAG, told=told()).read(datagram, keys) is None


@pytest.mark.parametrize("status", [0x04, 0x05, 0x10, 0x11])
def test_only_open_session_refuses_a_suite(status):
    with pytest.raises(BmcRefusedSuite):
        opening().read(opened(status=status))
    with pytest.raises(BmcRefused) as later:
        introduction().read(introduced(status=status), SECRETS)
    assert later.type is BmcRefused


def test_another_suite_than_was_asked_for_is_refused_also_one_that_does_not_encrypt():
    for numbers in [(1, 1, 1), (3, 4, 0), (3, 0, 1), (0, 4, 1)]:
        with pytest.raises(BmcRefusedSuite):
            opening().read(opened(numbers=numbers))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0x01, BmcBusy),
        (0x02, BmcBusy),
        (0x08, BmcBusy),
        (0x09, BmcRefused),
        (0x0A, BmcRefused),
        (0x0B, BmcBusy),
        (0x0C, BmcRefusedPassword),
        (0x0D, BmcRefusedPassword),
        (0x0F, BmcRefusedPassword),
        (0x12, BmcRefused),
        (0x77, BmcRefused),
    ],
)
def test_each_status_has_its_class(status, kind):
    keys = session_keys(told(), SECRETS)
    for read in (
        lambda: opening().read(opened(status=status)),
        lambda: introduction().read(introduced(status=status), SECRETS),
        lambda: Proving(tag=TAG, told=told()).read(proved(status=status), keys),
    ):
        with pytest.raises(EvenrackError, match=f"status 0x{status:02x}") as failed:
            read()
        assert failed.type is kind


@pytest.mark.parametrize("status", [0x02, 0x0F, 0x12])
def test_after_something_was_told_twice_a_refusal_may_be_of_a_session_begun_again(status):
    keys = session_keys(told(), SECRETS)
    proving = Proving(tag=TAG, told=told())
    other = proved(secrets=Secrets(password=SECRETS.password, k_g=b"k"))
    for read in (
        lambda: introduction().read(introduced(status=status), SECRETS, repeated=True),
        lambda: proving.read(proved(status=status), keys, repeated=True),
        lambda: proving.read(other, keys, repeated=True),
    ):
        with pytest.raises(BmcBusy, match="told something twice"):
            read()


def test_what_no_repeating_explains_is_refused_for_good_also_after_one():
    for status in (0x0A, 0x0D):
        with pytest.raises(BmcRefused):
            introduction().read(introduced(status=status), SECRETS, repeated=True)
    wrong = introduced(secrets=Secrets(password=b"another"))
    with pytest.raises(BmcRefusedPassword):
        introduction().read(wrong, SECRETS, repeated=True)


def test_a_bmc_that_does_not_know_the_password_is_told_nothing():
    wrong = Secrets(password=b"another")
    with pytest.raises(BmcRefusedPassword, match="another password"):
        introduction().read(introduced(secrets=wrong), SECRETS)


def test_a_bmc_with_another_k_g_is_found_out():
    keys = session_keys(told(), SECRETS)
    with pytest.raises(BmcRefusedPassword, match="K_g"):
        Proving(tag=TAG, told=told()).read(
            proved(secrets=Secrets(password=SECRETS.password, k_g=b"k")), keys
        )


@given(st.sampled_from([3, 17]), st.binary(max_size=90), st.data())
def test_whatever_comes_is_a_proof_or_a_refusal_or_nothing(suite, chance, data):
    found, keys = told(suite), session_keys(told(suite), SECRETS)
    for read, right, kind, proof in (
        (opening(suite).read, opened(suite), 0x11, b""),
        (
            lambda d: introduction(suite).read(d, SECRETS),
            introduced(suite),
            0x13,
            bmc_proof(found, SECRETS),
        ),
        (
            lambda d: Proving(tag=TAG, told=found).read(d, keys),
            proved(suite),
            0x15,
            keys.bmc_proof,
        ),
    ):
        for datagram in (
            data.draw(bent(right)),
            chance,
            plain_packet(kind, bytes((TAG, 0)) + chance),
        ):
            try:
                believed = read(datagram)
            except EvenrackError:
                continue
            assert believed is None or proof in datagram
