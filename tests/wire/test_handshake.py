"""The mutual proof: made only with the secret, for one side and one pair of nonces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.wire.handshake import NONCE_BYTES, proof, proves

NONCES = st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES)
SIDES = st.sampled_from(["region", "rack"])
SECRETS = st.binary(min_size=1, max_size=80)


@given(SECRETS, SIDES, NONCES, NONCES)
def test_a_right_proof_proves(secret, side, rack_nonce, region_nonce):
    made = proof(secret, side, rack_nonce, region_nonce)
    assert len(made) == 32
    assert proves(made, secret, side, rack_nonce, region_nonce)


@given(st.tuples(SECRETS, SIDES, NONCES, NONCES), st.tuples(SECRETS, SIDES, NONCES, NONCES))
def test_a_proof_made_from_anything_else_proves_nothing(mine, theirs):
    # HMAC pads a key with zeros: secrets that differ only in those are one secret to it.
    same = (mine[0].rstrip(b"\0"), *mine[1:]) == (theirs[0].rstrip(b"\0"), *theirs[1:])
    if max(len(mine[0]), len(theirs[0])) <= 64:
        assert proves(proof(*theirs), *mine) == same


def test_a_proof_cannot_be_sent_back_as_the_other_sides():
    nonces = b"a" * NONCE_BYTES, b"b" * NONCE_BYTES
    assert not proves(proof(b"secret", "region", *nonces), b"secret", "rack", *nonces)
    assert not proves(proof(b"secret", "rack", *nonces), b"secret", "rack", *nonces[::-1])


@given(st.binary(max_size=70))
def test_any_other_bytes_prove_nothing_and_raise_nothing(given_bytes):
    nonces = b"a" * NONCE_BYTES, b"b" * NONCE_BYTES
    assert not proves(given_bytes, b"secret", "rack", *nonces)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_nonce_of_another_length_is_refused_since_bytes_could_move_between_the_two(length):
    with pytest.raises(ValueError, match="32 bytes"):
        proof(b"secret", "rack", b"a" * length, b"b" * (64 - length))


def test_the_proof_stays_what_it_is_from_version_to_version():
    assert proof(b"secret", "rack", b"a" * 32, b"b" * 32).hex() == (
        "72ded7385e5a833fc564396f94a408b64e5375a335c7b218c3afd156901c43b0"
    )
