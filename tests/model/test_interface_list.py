"""The addresses that a rack tells of itself: read exactly, and not in any number."""

import json
from ipaddress import IPv4Interface

import pytest
from hypothesis import given

from evenrack.model.interface_list import MOST_ADDRESSES, Interface, interfaces_from_json
from evenrack.model.json_form import to_json
from tests.strategies_reports import interface_lists

ETH0 = {"name": "eth0", "address": "192.0.2.7/24"}


@given(interface_lists)
def test_a_list_is_read_as_it_was_told(interfaces):
    assert interfaces_from_json(json.loads(json.dumps(to_json(interfaces)))) == interfaces


def test_the_length_of_the_prefix_belongs_to_the_address():
    (interface,) = interfaces_from_json([ETH0])
    assert interface == Interface(name="eth0", address=IPv4Interface("192.0.2.7/24"))
    assert interface.address.network.prefixlen == 24


def test_as_many_addresses_as_a_rack_may_have_are_read_and_no_more():
    assert len(interfaces_from_json([ETH0] * MOST_ADDRESSES)) == MOST_ADDRESSES
    with pytest.raises(ValueError, match="at most 1000"):
        interfaces_from_json([ETH0] * (MOST_ADDRESSES + 1))


@pytest.mark.parametrize("name", ["", "a" * 16, "eth\n0", "\x1b[2J", "eth0\0"])
def test_a_name_that_no_interface_has_is_refused(name):
    with pytest.raises(ValueError, match="1 to 15 printable"):
        interfaces_from_json([{**ETH0, "name": name}])


@pytest.mark.parametrize(
    "form",
    [
        None,
        {},
        "eth0",
        ETH0,
        [None],
        [["eth0", "192.0.2.7/24"]],
        [{"name": "eth0"}],
        [{**ETH0, "name": 7}],
        [{**ETH0, "address": "2001:db8::1/64"}],
        [{**ETH0, "address": 3221225985}],
        [{**ETH0, "address": ["192.0.2.7", 24]}],
        [{**ETH0, "address": "192.0.2.7/33"}],
        [{**ETH0, "mac": "52:54:00:12:34:56"}],
    ],
)
def test_what_is_no_list_of_interfaces_is_refused_with_value_error(form):
    with pytest.raises(ValueError, match=r"."):
        interfaces_from_json(form)
