"""Where a secret is looked for: in every form in which it may be written."""

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.lab.known_secrets import KnownSecret, leaks

SECRET = secrets.token_bytes(32)
WRITTEN = KnownSecret(what="the secret", content=base64.b64encode(SECRET))


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        SECRET.hex().encode(),
        base64.b64encode(SECRET),
        base64.b64encode(base64.b64encode(SECRET)).rstrip(b"="),
        base64.b64encode(SECRET).hex().encode(),
    ],
    ids=["bytes", "digits", "base64", "base64 of base64", "digits of base64"],
)
def test_a_secret_is_found_as_bytes_digits_and_base64(form):
    assert leaks(b"before " + form + b" after", [WRITTEN]) == ["the secret"]


@given(st.binary(max_size=500))
def test_other_bytes_are_no_leak(content):
    assert leaks(content, [WRITTEN]) == []


def test_what_is_no_base64_is_looked_for_as_it_is():
    password = KnownSecret(what="a password", content=b"SESAME, open!")
    assert leaks(b"user lab, password SESAME, open!", [password]) == ["a password"]


def test_a_secret_shows_in_no_repr():
    assert "SESAME" not in repr(KnownSecret(what="a password", content=b"SESAME"))
