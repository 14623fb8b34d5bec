"""Who serves a VLAN: pairs and services."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.model.dhcp_roles import Pair
from evenrack.model.fleet_number import FleetNumber
from tests.dhcp_fleet import pair_of, rack_id, server_of, service_of

ONE, TWO = rack_id(1), rack_id(2)
ALONE, PAIR = service_of(1, 1), service_of(1, 2, 1)


def test_a_pair_names_its_racks_the_primary_first():
    assert Pair(primary=TWO).racks == (TWO,)
    assert pair_of(2, 1).racks == (TWO, ONE)


def test_a_service_names_its_servers_and_racks_the_primary_first():
    assert (ALONE.servers, ALONE.racks) == ((server_of(1, 1),), (ONE,))
    assert (PAIR.servers, PAIR.racks) == ((server_of(1, 2), server_of(1, 1)), (TWO, ONE))


def test_a_service_knows_each_rack_and_its_peer():
    assert (PAIR.own(ONE), PAIR.peer_of(ONE)) == (server_of(1, 1), server_of(1, 2))
    assert (PAIR.own(TWO), PAIR.peer_of(TWO)) == (server_of(1, 2), server_of(1, 1))
    assert ALONE.peer_of(ONE) is None
    with pytest.raises(StopIteration):
        ALONE.own(TWO)


def test_a_rack_is_primary_secondary_or_alone():
    assert [PAIR.role_of(TWO), PAIR.role_of(ONE), ALONE.role_of(ONE)] == [
        "primary",
        "secondary",
        "alone",
    ]


def test_the_same_servers_are_the_same_racks_in_the_same_roles_with_the_same_addresses():
    assert PAIR.same_servers(evolve(PAIR, number=FleetNumber(9, 9)))
    assert not PAIR.same_servers(service_of(1, 1, 2))
    assert not PAIR.same_servers(ALONE)
    assert not PAIR.same_servers(None)
    moved = evolve(ALONE, primary=evolve(ALONE.primary, address=IPv4Address("10.1.0.77")))
    assert not ALONE.same_servers(moved)
