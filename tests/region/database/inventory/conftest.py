"""VLANs in PostgreSQL, and racks that serve them."""

from ipaddress import IPv4Network

import pytest

from tests.region.database.inventory.inventory_rows import MAC, ip, made
from tests.region.database.sessions import facts, joined, recorded


@pytest.fixture
def served(sessions):
    """Two VLANs; the first has a subnet, a range and a reservation."""
    made(sessions, "vlan", name="vlan1", vid=1, dhcp_on=True, mclt=300)
    made(sessions, "vlan", name="vlan2")
    made(sessions, "subnet", "vlan1", cidr=IPv4Network("10.0.0.0/24"), gateway=ip("10.0.0.1"))
    made(sessions, "range", first=ip("10.0.0.100"), last=ip("10.0.0.199"))
    made(sessions, "reservation", mac=MAC, address=ip("10.0.0.3"), hostname="node ö")
    return sessions


@pytest.fixture
def on_racks(served):
    """Four managed racks: the first two have vlan1 in their files, the third vlan2."""
    racks = ["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"]
    me = joined(served)
    recorded(served, me, *(facts(rack, f"link-{rack}") for rack in racks))
    for rack in racks:
        served.change(
            "INSERT INTO managing VALUES (:rack, 'region1/1', 0, 1)",
            rack=rack,
        )
    for vlan, primary, secondary in ((1, *racks[:2]), (2, racks[2], None)):
        served.change(
            "INSERT INTO dhcp_service (vlan_id, primary_rack, primary_address, secondary_rack, "
            "secondary_address, era, generation) VALUES (:vlan, :primary, '10.0.0.250', "
            ":secondary, '10.0.0.251', 0, 1)",
            vlan=served.value("SELECT id FROM vlan WHERE name = :name", name=f"vlan{vlan}"),
            primary=primary,
            secondary=secondary,
        )
    return served
