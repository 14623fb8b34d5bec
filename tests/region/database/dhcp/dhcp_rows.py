"""The rows of DHCP in PostgreSQL: one process that manages three racks, and two VLANs."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.dhcp_roles import Server, Service
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.interface_list import Interface
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.inventory_store import create
from tests.region.database.sessions import facts, joined, recorded

ONE, TWO, THREE = "rack0001", "rack0002", "rack0003"
UNKNOWN = "rack0009"
OLD, NEW = FleetNumber(1, 2), FleetNumber(1, 7)
REPORT = DhcpReport(applied="plan1", waiting="plan2", running=True)


@pytest.fixture
def fleet(sessions):
    """One process that manages three racks, and two VLANs; gives the sessions and VLAN ids."""
    me = joined(sessions)
    recorded(sessions, me, *(facts(rack, f"link-{rack}") for rack in (ONE, TWO, THREE)))
    managed = dict.fromkeys((ONE, TWO, THREE), me.process)
    sessions.run(lambda c: write_managing(c, managed, OLD))
    for number in (1, 2):
        vlan = {"name": f"vlan{number}", "dhcp_on": True}
        cidr = IPv4Network(f"10.{number}.0.0/24")
        sessions.run(lambda c, vlan=vlan: create(c, "vlan", vlan))
        sessions.run(
            lambda c, cidr=cidr, vlan=vlan: create(c, "subnet", {"cidr": cidr}, inside=vlan["name"])
        )
    return sessions


def vlans(sessions):
    return list(sessions.run(read_fleet).vlans)


def service(primary, secondary=None, *, place=1):
    def server(rack):
        return Server(rack=rack, address=IPv4Address(f"10.{place}.0.{rack[-1]}"))

    return Service(
        primary=server(primary), secondary=None if secondary is None else server(secondary)
    )


def interfaces(**addresses):
    return tuple(Interface(name=n, address=IPv4Interface(a)) for n, a in addresses.items())
