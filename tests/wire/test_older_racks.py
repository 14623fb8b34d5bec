"""What a rack of the version before is told: what it can read, and nothing else."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.bmc import Bmc
from evenrack.model.bmc_host import HostName
from evenrack.model.identifiers import BmcId
from evenrack.model.power import BmcTarget, power_order_to_json
from evenrack.wire.version import (
    EVERY_BMC,
    OLDEST_RACK_PROTOCOL,
    PROTOCOL,
    bmcs_for,
    knows,
    order_for,
)
from tests.strategies_reports import power_orders

OLD = EVERY_BMC - 1
PLAIN = Bmc(
    id=BmcId(1),
    name="b1",
    driver="ipmitool",
    address=IPv4Address("10.9.0.1"),
    user="me",
    cipher_suite=17,
)
CAME_LATER = [
    {"driver": "ipmi"},
    {"driver": "redfish", "port": 443},
    {"address": HostName("bmc1.example.com")},
    {"address": IPv6Address("fd00::1")},
    {"privilege": "administrator"},
    {"boot_type": "legacy"},
    {"k_g_set": True},
    {"login": "basic"},
    {"system": "1"},
    {"certificate_sha256": "ab" * 32},
    {"certificate_name": "bmc"},
]
ORDER_KEYS = {"id", "attempt", "bmc", "access", "action", "phase", "seconds_left"}
ACCESS_KEYS = {"address", "port", "user", "password", "cipher_suite"}


def test_the_oldest_rack_that_is_served_is_older_than_some_bmcs():
    assert OLDEST_RACK_PROTOCOL < EVERY_BMC


@pytest.mark.parametrize("later", CAME_LATER, ids=str)
def test_an_older_rack_is_not_told_of_a_bmc_with_anything_that_came_later(later):
    bmc = evolve(PLAIN, id=BmcId(2), **later)
    assert (knows(OLD, PLAIN), knows(OLD, bmc), knows(EVERY_BMC, bmc)) == (True, False, True)
    targets = [
        BmcTarget(bmc=each.id, address=each.address, port=each.port) for each in (PLAIN, bmc)
    ]
    known = {PLAIN.id: PLAIN, bmc.id: bmc}
    assert bmcs_for(OLD, targets, known) == (targets[0],)
    assert bmcs_for(EVERY_BMC, targets, known) == tuple(targets)


@given(power_orders)
def test_an_order_for_an_older_rack_has_nothing_in_it_that_came_later(order):
    told = order_for(OLD, order)
    if told is not None:
        form = power_order_to_json(told)
        assert (set(form), set(form["access"])) == (ORDER_KEYS, ACCESS_KEYS)
        assert form["action"] in {"on", "off", "cycle", "query"}
        IPv4Address(form["access"]["address"])


@given(power_orders)
def test_an_order_that_an_older_rack_can_read_is_told_to_it(order):
    readable = isinstance(order.access.address, IPv4Address)
    readable &= order.action in {"on", "off", "cycle", "query"} and order.boot is None
    assert (order_for(OLD, order) == evolve(order, unrecorded=False)) == readable
    assert order_for(PROTOCOL, order) == order


@given(
    power_orders,
    st.sampled_from(
        [
            {"driver": "redfish"},
            {"k_g": "key"},
            {"privilege": "user"},
            {"boot_type": "legacy"},
            {"login": "basic"},
            {"system": "1"},
            {"certificate_sha256": "ab" * 32},
            {"certificate_name": "bmc"},
        ]
    ),
)
def test_an_order_with_a_way_to_log_in_that_came_later_is_not_told_to_an_older_rack(order, later):
    assert order_for(OLD, evolve(order, access=evolve(order.access, **later))) is None
