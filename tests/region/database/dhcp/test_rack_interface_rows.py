"""The interfaces that racks tell of: as told, so read, and told on when new."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from evenrack.region.database.dhcp_store import (
    read_interfaces,
    read_rack_interfaces,
    record_interfaces,
)
from evenrack.region.database.fleet_cache import read_fleet
from tests.region.database.dhcp.dhcp_rows import ONE, TWO, UNKNOWN, interfaces, vlans
from tests.region.database.sessions import heard

pytestmark = pytest.mark.postgres


def test_the_interfaces_of_one_rack_have_their_names_and_an_order(fleet):
    told = (*interfaces(eth1="10.1.0.2/24", eth0="10.0.0.2/24"), *interfaces(eth1="10.1.0.10/24"))
    fleet.run(lambda c: record_interfaces(c, ONE, told))
    found = fleet.run(lambda c: read_rack_interfaces(c, ONE))
    assert [(each.name, str(each.address)) for each in found] == [
        ("eth0", "10.0.0.2/24"),
        ("eth1", "10.1.0.2/24"),
        ("eth1", "10.1.0.10/24"),
    ]
    assert fleet.run(lambda c: read_rack_interfaces(c, UNKNOWN)) == ()


def test_interfaces_are_read_as_they_were_told_and_attach_racks_to_vlans(fleet):
    one, two = vlans(fleet)
    told = interfaces(eth0="192.0.2.7/24", eth1="10.1.0.1/24")
    fleet.run(lambda c: record_interfaces(c, ONE, told))
    fleet.run(lambda c: record_interfaces(c, TWO, interfaces(eth0="10.2.0.2/24")))
    assert fleet.run(read_interfaces) == {
        ONE: (IPv4Interface("192.0.2.7/24"), IPv4Interface("10.1.0.1/24")),
        TWO: (IPv4Interface("10.2.0.2/24"),),
    }
    assert fleet.run(read_fleet).attached == {
        one: {ONE: IPv4Address("10.1.0.1")},
        two: {TWO: IPv4Address("10.2.0.2")},
    }
    assert fleet.rows("SELECT name, address FROM rack_interface ORDER BY rack_id, name") == [
        ("eth0", "192.0.2.7/24"),
        ("eth1", "10.1.0.1/24"),
        ("eth0", "10.2.0.2/24"),
    ]


def test_new_interfaces_replace_the_old_ones_of_this_rack_and_of_no_other(fleet):
    fleet.run(lambda c: record_interfaces(c, ONE, interfaces(eth0="10.1.0.1/24")))
    fleet.run(lambda c: record_interfaces(c, TWO, interfaces(eth0="10.1.0.2/24")))
    fleet.run(lambda c: record_interfaces(c, ONE, interfaces(eth5="10.2.0.1/24")))
    assert fleet.run(read_interfaces) == {
        ONE: (IPv4Interface("10.2.0.1/24"),),
        TWO: (IPv4Interface("10.1.0.2/24"),),
    }
    fleet.run(lambda c: record_interfaces(c, ONE, ()))
    assert list(fleet.run(read_interfaces)) == [TWO]


def test_two_processes_that_hear_the_same_interfaces_at_once_do_no_harm(fleet):
    told = interfaces(eth0="10.1.0.1/24")
    with fleet.open_transaction() as first:
        record_interfaces(first, ONE, told)
        second = fleet.start(lambda: fleet.run(lambda c: record_interfaces(c, ONE, told)))
        fleet.wait_until_blocked()
        first.commit()
        second.result(5)
    assert fleet.run(read_interfaces) == {ONE: (IPv4Interface("10.1.0.1/24"),)}


def test_interfaces_that_did_not_change_notify_nobody_and_new_ones_do(fleet):
    told = interfaces(eth0="10.1.0.1/24", eth1="10.2.0.1/24")
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, told))
    assert said == ["racks"]
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, reversed(told)))
        fleet.run(lambda c: record_interfaces(c, TWO, ()))
    assert said == []
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, interfaces(eth0="10.1.0.1/25")))
        renamed = interfaces(eth9="10.1.0.1/25")
        fleet.run(lambda c: record_interfaces(c, ONE, renamed))
    assert said == ["racks", "racks"]


def test_one_address_on_two_interfaces_counts_once(fleet):
    twice = (*interfaces(eth0="10.1.0.1/24"), *interfaces(eth1="10.1.0.1/24"))
    fleet.run(lambda c: record_interfaces(c, ONE, twice))
    assert fleet.run(read_interfaces) == {ONE: (IPv4Interface("10.1.0.1/24"),)}
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, twice))
    assert said == []
