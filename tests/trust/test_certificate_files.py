"""Certificates and keys as files have them: they read back, or what is damaged is told."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from evenrack.trust.certificates import (
    Identity,
    certificate_der,
    certificate_from_der,
    certificate_pem,
    certificates_from_pem,
    identity_from_pem,
    is_issued_by,
    key_pem,
    new_key,
    pin_of,
)
from tests.trust.one_certificate import KEY, LEAF, RSA_KEY
from tests.trusted import authority

IDENTITY = Identity(key=KEY, certificate=LEAF)


def test_an_identity_reads_back_and_shows_neither_key_nor_certificate():
    read = identity_from_pem(IDENTITY.pem)
    assert read.pem == IDENTITY.pem
    assert repr(read) == "Identity()"
    assert b"PRIVATE KEY" in read.pem


def test_the_order_of_key_and_certificate_in_a_file_does_not_matter():
    swapped = certificate_pem(LEAF) + key_pem(KEY)
    assert identity_from_pem(swapped).pem == IDENTITY.pem


def encrypted(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))


def pem_of(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        key_pem(KEY),
        certificate_pem(LEAF),
        key_pem(new_key()) + certificate_pem(LEAF),
        key_pem(KEY) + certificate_pem(authority().certificate),
        pem_of(ec.generate_private_key(ec.SECP384R1())) + certificate_pem(LEAF),
        pem_of(RSA_KEY) + certificate_pem(LEAF),
        pem_of(ed25519.Ed25519PrivateKey.generate()) + certificate_pem(LEAF),
        encrypted(KEY) + certificate_pem(LEAF),
        IDENTITY.pem[: len(IDENTITY.pem) // 2],
        IDENTITY.pem[:-40],
    ],
    ids=[
        "nothing",
        "nonsense",
        "no certificate",
        "no key",
        "another key",
        "another certificate",
        "P-384",
        "RSA",
        "Ed25519",
        "encrypted key",
        "half",
        "cut",
    ],
)
def test_a_damaged_identity_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011  which of the many, who reads it adds
        identity_from_pem(text)


@given(st.integers(0, len(IDENTITY.pem) - 1), st.integers(1, 255))
def test_an_identity_that_was_changed_anywhere_is_a_value_error_or_of_the_same_key(place, change):
    changed = bytearray(IDENTITY.pem)
    changed[place] ^= change
    try:
        read = identity_from_pem(bytes(changed))
    except ValueError:
        return
    assert read.certificate.public_key() == KEY.public_key() == read.key.public_key()


READERS = {
    "DER": (certificate_der(LEAF), certificate_from_der),
    "PEM": (certificate_pem(LEAF), lambda text: certificates_from_pem(text)[0]),
}


@given(st.sampled_from([*READERS]), st.integers(0, 5_000), st.integers(1, 255))
def test_a_certificate_that_was_changed_anywhere_is_a_value_error_or_its_key_can_be_read(
    form, place, change
):
    content, read = READERS[form]
    changed = bytearray(content)
    changed[place % len(content)] ^= change
    try:
        certificate = read(bytes(changed))
    except ValueError:
        return
    assert len(pin_of(certificate)) == 64
    if is_issued_by(certificate, authority().certificate):  # its signature can be written otherwise
        assert certificate.tbs_certificate_bytes == LEAF.tbs_certificate_bytes


@given(st.binary(max_size=300))
def test_any_bytes_are_no_certificates(content):
    for read in (certificates_from_pem, certificate_from_der, identity_from_pem):
        with pytest.raises(ValueError):  # noqa: PT011
            read(content)
