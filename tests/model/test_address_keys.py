"""What counts as one host and as one network: nobody gets more by having many addresses."""

import pytest

from evenrack.model.address_keys import address_key, network_key


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fd00::1", "fd00::2", True),
        ("fd00::1", "fd00:0:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
    ],
)
def test_what_counts_as_one_host(one, other, alike):
    assert (address_key(one) == address_key(other)) == alike


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("10.0.0.1", "10.0.0.254", True),
        ("10.0.0.1", "10.0.1.1", False),
        ("fd00::1", "fd00:0:0:1::1", True),
        ("fd00::1", "fd00:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.7", True),
    ],
)
def test_what_counts_as_one_network(one, other, alike):
    assert (network_key(one) == network_key(other)) == alike


def test_a_host_is_not_taken_for_a_network():
    assert address_key("10.0.0.0") != network_key("10.0.0.0")
    assert address_key("fd00::") != network_key("fd00::")


def test_what_is_no_ip_address_counts_by_itself():
    assert (address_key("somewhere"), network_key("")) == ("somewhere", "")
