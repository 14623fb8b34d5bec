"""What a token looks like, and where it is found."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.region.http.bearer import (
    RANDOM_BYTES,
    hash_of,
    holds_token,
    new_token,
    token_from,
    without_tokens,
)

chances = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(chances)
def test_a_new_token_is_read_back_from_its_header(chance):
    token = new_token(chance)
    text = token.reveal().decode()
    assert token_from(f"Bearer {text}") == token
    assert token_from(f"  bearer   {text} ") == token
    assert hash_of(token) == hashlib.sha256(text.encode()).digest()
    assert text not in f"{token!r} {token}"


@given(chances, st.text(max_size=20), st.text(max_size=20))
def test_a_token_is_found_in_any_text_and_hidden(chance, before, after):
    text = new_token(chance).reveal().decode()
    assert holds_token(before + text + after)
    hidden = without_tokens(f"{before} {text} {after}")
    assert text[4:] not in hidden
    assert not holds_token(hidden)


@given(chances, st.integers(1, 3))
def test_a_token_that_is_written_as_in_an_address_is_found_too(chance, times):
    written = text = new_token(chance).reveal().decode()
    for _ in range(times):
        written = "".join(f"%{ord(c):02X}" if c in "e_%5" else c for c in written)
    assert holds_token(f"/api/v1/tokens/{written}")
    assert text[4:] not in without_tokens(f"/api/v1/tokens/{written} {text}")


@given(st.lists(chances, min_size=2, max_size=2, unique=True))
def test_two_chances_give_two_tokens(chances):
    first, second = map(new_token, chances)
    assert first != second
    assert hash_of(first) != hash_of(second)


@pytest.mark.parametrize("text", ["", "vlan1", "evr_", "evr_short", "every_other_name_is_no_token"])
def test_what_is_no_token_is_left_alone(text):
    assert not holds_token(text)
    assert without_tokens(text) == text
    assert token_from(f"Bearer {text}") is None
