"""Port and key of OMAPI: what cannot be one is refused, and the key is never shown."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from tests.rack.dhcp.dhcpd_program import check_with_dhcpd, needs_dhcpd
from tests.rack.dhcp.golden_plans import OMAPI
from tests.rack.dhcp.test_dhcpd_conf import FEW

keys = st.binary(min_size=16, max_size=64).map(lambda key: base64.b64encode(key).decode())


def test_the_key_is_not_shown():
    assert OMAPI.key not in repr(OMAPI)
    assert repr(OMAPI) == "OmapiAccess(port=7911)"


@given(keys)
def test_every_key_of_16_to_64_bytes_is_in_the_file_as_it_is(key):
    text = dhcpd_conf((), OmapiAccess(port=7911, key=key))
    assert f'  algorithm hmac-sha256;\n  secret "{key}";\n' in text


@needs_dhcpd
@FEW
@given(keys)
def test_dhcpd_accepts_every_key(tmp_path, key):
    check_with_dhcpd(dhcpd_conf((), OmapiAccess(port=7911, key=key)), tmp_path)


@pytest.mark.parametrize(
    "key",
    ["", "c2hvcnQ=", OMAPI.key[:-1], OMAPI.key + "\n", OMAPI.key[:-2] + "9=", "ü" * 32,
     'AAAAAAAAAAAAAAAAAAAAAA=="; evil', base64.b64encode(bytes(65)).decode()],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_a_word_of_it(key):
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the whole message is below
        OmapiAccess(port=7911, key=key)
    assert str(refused.value) == "the OMAPI key is not 16 to 64 bytes in base64"


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(ValueError, match=f"^OMAPI port {port} is not 1 to 65535$"):
        OmapiAccess(port=port, key=OMAPI.key)
