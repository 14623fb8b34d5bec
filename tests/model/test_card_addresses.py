"""The address of a card, read from text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.reservation_rules import mac_from_text


@given(st.binary(min_size=6, max_size=6), st.sampled_from(":-"), st.booleans())
def test_a_card_s_address_is_read_in_every_usual_form_or_refused(octets, separator, capitals):
    text = octets.hex(separator)
    text = text.upper() if capitals else text
    if octets[0] & 1 or not any(octets):
        with pytest.raises(ValueError, match="card"):
            mac_from_text(text)
    else:
        assert mac_from_text(f" {text}") == octets.hex(":")
        assert mac_from_text(octets.hex(":")) == octets.hex(":")


@pytest.mark.parametrize("text", ["", "52:54", "52-54:00-12:34-56", "5254.0012.3456", "g" * 17])
def test_what_is_no_card_s_address_is_refused(text):
    with pytest.raises(ValueError, match="is not six pairs of hexadecimal digits"):
        mac_from_text(text)
