"""Datagrams within a session."""

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from evenrack.rack.power.rmcp.packets import IPMI_MESSAGE, RMCP_HEADER, session_header
from tests.rack.power.rmcp.making import OURS, THEIRS, VECTOR, bent, both_ends

suites = st.sampled_from([3, 17])


@given(suites, st.binary(max_size=80), st.integers(1, 2**32 - 1))
def test_the_other_end_reads_what_was_said(suite, payload, sequence):
    console, bmc = both_ends(suite)
    datagram = bmc.seal(IPMI_MESSAGE, payload, sequence=sequence, chance=VECTOR)
    opened = console.open(datagram)
    assert (opened.kind, opened.sequence, opened.payload) == (IPMI_MESSAGE, sequence, payload)
    assert len(payload) < 4 or payload not in datagram


@given(suites, st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=5))
def test_what_is_lost_on_the_way_keeps_nothing_else_from_being_read(suite, said):
    console, bmc = both_ends(suite)
    for sequence, (payload, comes) in enumerate(said, start=1):
        datagram = bmc.seal(IPMI_MESSAGE, payload, sequence=sequence, chance=VECTOR)
        if comes:
            assert console.open(datagram).payload == payload


def test_no_two_datagrams_have_the_same_initial_vector_and_each_is_as_the_standard_has_it():
    _, bmc = both_ends(17)
    chances = (VECTOR, bytes(16), VECTOR)
    sealed = [bmc.seal(IPMI_MESSAGE, b"x" * 20, sequence=1, chance=each) for each in chances]
    vectors = [each[16:32] for each in sealed]
    assert len({*vectors, *chances}) == len(vectors) + 2
    for datagram, vector in zip(sealed, vectors, strict=True):
        work = Cipher(algorithms.AES(bmc.keys.encryption), modes.CBC(vector)).decryptor()
        assert work.update(datagram[32:64]) == b"x" * 20 + bytes(range(1, 12)) + b"\x0b"


@given(suites, st.binary(max_size=60), st.data())
def test_whatever_else_comes_is_not_believed(suite, payload, data):
    console, bmc = both_ends(suite)
    datagram = bmc.seal(IPMI_MESSAGE, payload, sequence=7, chance=VECTOR)
    other = data.draw(bent(datagram))
    if other[:4] != datagram[:4] and other[4:] == datagram[4:]:
        return  # the header of RMCP is proved by nothing, and says nothing
    assert other == datagram or console.open(other) is None


@given(suites, st.binary(max_size=100))
def test_chance_is_not_believed(suite, datagram):
    console, _ = both_ends(suite)
    assert console.open(datagram) is None
    header = session_header(0xC0, OURS, 1, len(datagram))
    assert console.open(RMCP_HEADER + header + datagram) is None


@pytest.mark.parametrize("kind", [0x00, 0x40, 0x80])
@pytest.mark.parametrize("suite", [3, 17])
def test_what_is_not_both_encrypted_and_proved_is_not_believed(suite, kind):
    console, bmc = both_ends(suite)
    said = bmc.seal(IPMI_MESSAGE, b"answer", sequence=1, chance=VECTOR)
    assert console.open(said) is not None
    proved = said[4:5] + bytes((kind,)) + said[6 : -bmc.suite.code_bytes]
    assert console.open(RMCP_HEADER + proved + bmc.suite.code(bmc.keys.integrity, proved)) is None


def test_an_echo_of_ours_and_an_answer_of_another_session_are_not_believed():
    console, bmc = both_ends(17)
    ours = console.seal(IPMI_MESSAGE, b"question", sequence=1, chance=VECTOR)
    assert console.open(ours) is None
    assert bmc.open(ours).payload == b"question"
    other = evolve(bmc, bmc_session=THEIRS)
    assert console.open(other.seal(IPMI_MESSAGE, b"x", sequence=1, chance=VECTOR)) is None


@pytest.mark.parametrize("encrypted", [b"", VECTOR, VECTOR + b"seventeen bytes..", VECTOR[:5]])
def test_what_is_proved_and_cannot_be_decrypted_is_not_believed(encrypted):
    console, bmc = both_ends(17)
    proved = session_header(0xC0, OURS, 1, len(encrypted)) + encrypted
    datagram = RMCP_HEADER + proved + bmc.suite.code(bmc.keys.integrity, proved)
    assert console.open(datagram) is None


def test_a_padding_that_is_longer_than_all_there_is_is_not_believed():
    console, bmc = both_ends(17)
    work = Cipher(algorithms.AES(bmc.keys.encryption), modes.CBC(VECTOR)).encryptor()
    encrypted = VECTOR + work.update(bytes(15) + b"\x10") + work.finalize()
    proved = session_header(0xC0, OURS, 1, len(encrypted)) + encrypted
    datagram = RMCP_HEADER + proved + bmc.suite.code(bmc.keys.integrity, proved)
    assert console.open(datagram) is None


def test_keys_are_not_shown():
    console, _ = both_ends(17)
    shown = repr((console, console.keys))
    for key in (console.keys.integrity, console.keys.encryption, console.keys.bmc_proof):
        assert repr(key)[2:-1] not in shown
        assert key.hex() not in shown
