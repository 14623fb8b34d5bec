"""Where a secret is looked for: in every form in which it may be written."""

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.config.secret_file import Secret
from evenrack.lab.known_secrets import KnownSecret, keys_of, leaks
from evenrack.trust.enrolment import SECRET_BYTES, EnrolmentSecret

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


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_an_enrolment_secret_is_found_as_it_is_written_and_as_the_bytes_that_it_is(raw):
    written = EnrolmentSecret(lookup="look4321", secret=Secret(raw), pin="0" * 64).reveal()
    known = KnownSecret(what="it", content=written.split(".")[1].encode())
    for form in (
        written.encode(),
        raw,
        raw.hex().encode(),
        base64.b64encode(raw),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
    ):
        assert leaks(b"<" + form + b">", [known]) == ["it"]


def test_each_key_of_a_key_file_is_a_secret_of_its_own():
    keys = [secrets.token_bytes(32) for _ in range(2)]
    text = "".join(f"key{n}:{base64.b64encode(key).decode()}\n" for n, key in enumerate(keys))
    known = list(keys_of("region1", text))
    for number, key in enumerate(keys):
        for form in (key, base64.b64encode(key), key.hex().encode()):
            assert leaks(form, known) == [f"the key key{number} of region1"]


@given(st.binary(max_size=500))
def test_other_bytes_are_no_leak(content):
    assert leaks(content, [WRITTEN]) == []


def test_what_is_no_base64_is_looked_for_as_it_is():
    password = KnownSecret(what="a password", content=b"SESAME, open!")
    assert leaks(b"user lab, password SESAME, open!", [password]) == ["a password"]


def test_a_secret_shows_in_no_repr():
    assert "SESAME" not in repr(KnownSecret(what="a password", content=b"SESAME"))
