"""Signing requests: for one kind of key, signed with it, and for nothing else."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import NotTrusted
from evenrack.trust.certificates import key_of_request, new_key, new_request
from tests.trust.one_certificate import KEY, RSA_KEY


def request_for(key, algorithm=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signing = hashes.SHA256() if algorithm is None else algorithm
    return builder.sign(key, signing).public_bytes(Encoding.DER)


def test_a_request_tells_the_key_that_it_is_for_and_nothing_else():
    request = new_request(KEY)
    assert key_of_request(request) == KEY.public_key()
    read = x509.load_der_x509_csr(request)
    assert (len(read.subject), len(read.extensions)) == (0, 0)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        RSA_KEY,
    ],
    ids=["P-384", "P-521", "secp256k1", "RSA"],
)
def test_a_request_for_any_other_kind_of_key_is_refused(key):
    with pytest.raises(NotTrusted, match="P-256"):
        key_of_request(request_for(key))


def test_a_request_for_an_ed25519_key_is_refused():
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    with pytest.raises(NotTrusted, match="P-256"):
        key_of_request(builder.sign(key, None).public_bytes(Encoding.DER))


def test_a_request_that_is_not_signed_with_its_own_key_is_refused():
    # Somebody asks for a certificate for a key that is not theirs.
    other = new_key()
    spki = [
        key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        for key in (KEY, other)
    ]
    request = new_request(other)
    assert spki[1] in request
    with pytest.raises(NotTrusted, match="signed with that key"):
        key_of_request(request.replace(spki[1], spki[0]))


REQUEST = new_request(KEY)


@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
def test_a_request_that_was_changed_anywhere_is_refused_or_is_still_for_the_same_key(place, change):
    changed = bytearray(REQUEST)
    changed[place] ^= change
    try:
        key = key_of_request(bytes(changed))
    except NotTrusted:
        return
    assert key == KEY.public_key()


@given(st.binary(max_size=500) | st.integers(0, len(REQUEST) - 1).map(lambda cut: REQUEST[:cut]))
def test_any_other_bytes_are_no_request(content):
    with pytest.raises(NotTrusted, match="no signing request"):
        key_of_request(content)


def test_what_a_refusal_says_does_not_show_the_bytes():
    with pytest.raises(NotTrusted) as refusal:
        key_of_request(b"secret in the wrong field")
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None
