"""Which DHCP servers on a VLAN are foreign, by what its racks hear: none of ours is one."""

from ipaddress import IPv4Address, IPv4Interface

import pytest
from attrs import evolve

from evenrack.model.dhcp_report import ForeignServer
from evenrack.model.identifiers import VlanId
from evenrack.problems import CATALOGUE
from evenrack.region.troubles.foreign_troubles import foreign_servers, of_foreign_servers
from evenrack.region.troubles.troubles import find_troubles
from tests.dhcp_fleet import dhcp_fleet, rack_id, serving

ONE = VlanId(1)
MAC = "52:54:00:00:00:01"
ATTACHED = {1: (1, 2, 3), 2: (1, 4)}
PAIR = {1: (1, 2)}
FLEET = dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR)


def hearing(heard, fleet=FLEET):
    """The fleet whose racks hear these on VLAN 1: {rack: [(address, MAC)]}."""
    fleet = serving(fleet, *heard)
    reports = dict(fleet.dhcp_reports)
    for rack, servers in heard.items():
        told = tuple(
            ForeignServer(address=IPv4Address(address), mac=mac, since=1, heard=2)
            for address, mac in servers
        )
        sides = tuple(
            evolve(side, foreign=told) if side.vlan == ONE else side
            for side in reports[rack_id(rack)].vlans
        )
        reports[rack_id(rack)] = evolve(reports[rack_id(rack)], vlans=sides)
    return evolve(fleet, dhcp_reports=reports)


def found(fleet):
    return [(it.code, it.object, it.affects) for it in of_foreign_servers(fleet)]


def test_a_foreign_server_is_named_with_its_mac_and_who_hears_it():
    fleet = hearing({1: [("10.1.0.66", None)], 2: [("10.1.0.66", MAC), ("10.1.0.9", None)]})
    affects = (
        "vlan1: 10.1.0.9 (its MAC is not known), heard by rack2; "
        f"10.1.0.66 ({MAC}), heard by rack1, rack2"
    )
    assert found(fleet) == [("ForeignDhcpServer", "vlan:vlan1", affects)]
    assert "ForeignDhcpServer" in {it.code for it in find_troubles(fleet)} & CATALOGUE.keys()


def test_of_many_the_first_are_named_and_the_others_counted():
    fleet = hearing({1: [(f"10.1.0.{number}", MAC) for number in (60, 61, 62, 63, 64)]})
    ((_, _, affects),) = found(fleet)
    assert affects.endswith("10.1.0.62 (52:54:00:00:00:01), heard by rack1; and 2 more")


@pytest.mark.parametrize(
    ("whose", "address"),
    [
        ("the peer's", "10.1.0.2"),
        ("a third rack's, which has just given the VLAN away", "10.1.0.3"),
        ("its own on another VLAN, by which a relay asks it", "10.2.0.1"),
    ],
    ids=lambda value: value[:8],
)
def test_the_address_of_any_rack_on_the_vlan_is_ours(whose, address):
    fleet = hearing({1: [(address, MAC), ("10.1.0.66", MAC)]})
    (server,) = foreign_servers(fleet, ONE, rack_id(1))
    assert str(server.address) == "10.1.0.66"
    assert found(hearing({1: [(address, MAC)], 2: []})) == []


def test_the_address_of_a_rack_that_is_not_on_the_vlan_is_not():
    """The same addresses may be in use in another fabric."""
    assert len(found(hearing({1: [("10.2.0.4", MAC)]}))) == 1


def test_a_rack_that_is_lost_is_still_ours():
    away = dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR, away=(2,))
    assert found(hearing({1: [("10.1.0.2", MAC)]}, away)) == []


def test_who_has_just_lost_its_address_still_serves_as_one_of_ours():
    interfaces = {**FLEET.interfaces, rack_id(2): (IPv4Interface("10.9.0.2/24"),)}
    fleet = evolve(FLEET, interfaces=interfaces)
    assert found(hearing({1: [("10.1.0.2", MAC)]}, fleet)) == []


def test_what_a_lost_rack_heard_is_old_and_what_nobody_serves_is_nobodys():
    heard = {1: [("10.1.0.66", MAC)]}
    away = dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR, away=(1,))
    assert found(hearing(heard, away)) == []
    off = dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR, off=(1,))
    assert found(hearing(heard, off)) == []
    assert found(evolve(hearing(heard), vlans={})) == []
    given_up = evolve(hearing(heard), services={})
    assert (found(given_up), len(foreign_servers(given_up, ONE, rack_id(1)))) == ([], 1)
    assert foreign_servers(FLEET, ONE, rack_id(4)) == ()
