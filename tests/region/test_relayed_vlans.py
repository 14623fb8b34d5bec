"""M10: who serves a relayed VLAN, with whole region processes and racks (see `DhcpFleet`)."""

import pytest

from evenrack.model.identifiers import VlanId
from evenrack.region.troubles.vlan_troubles import of_vlan
from tests.region.processes import eventually, goes_on
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

HERE, FAR = 1, 2


def serving(dhcp, vlan):
    """Which racks serve a VLAN now, each in the name of which VLAN."""
    return {
        name: service.vlan.name
        for name, server in dhcp.servers.items()
        for service in server.runs or ()
        if f"vlan{vlan}" in [each.name for each in service.vlan.served]
    }


def watched(dhcp):
    """Give in whose names FAR was served by several at one moment; look all the time."""
    found = []

    def look():
        names = set(serving(dhcp, FAR).values())
        if len(names) > 1:
            found.append(names)
        return names

    return look, found


async def served_by(dhcp, look, racks, name):
    wanted = dict.fromkeys(racks, name)
    await eventually(lambda: look() and serving(dhcp, FAR) == wanted, PATIENCE)
    await eventually(dhcp.is_at_rest, PATIENCE)


@pytest.mark.deadline(120)
async def test_m10_a_vlan_goes_to_the_pair_that_relays_it_and_back_and_is_never_with_both(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1", "region2") as dhcp:
        for number, vlan in ((1, HERE), (2, HERE), (3, FAR), (4, FAR)):
            dhcp.start_rack(number, vlan)
        for vlan in (HERE, FAR):
            dhcp.create_vlan(vlan)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        look, twice = watched(dhcp)
        dhcp.change_vlan(FAR, relay_vlan="vlan1")
        await served_by(dhcp, look, ("rack1", "rack2"), "vlan1")
        assert not dhcp.servers["rack3"].running()
        dhcp.change_vlan(FAR, lease_seconds=1200)
        await eventually(
            lambda: all(
                dhcp.servers[name].runs[0].vlan.relayed[0].settings.lease_seconds == 1200
                for name in ("rack1", "rack2")
            ),
            PATIENCE,
        )
        dhcp.change_vlan(FAR, relay_vlan=None)
        await served_by(dhcp, look, ("rack3", "rack4"), "vlan2")
        assert twice == []
        told = [event["text"] for event in dhcp.fleet.events("dhcp")]
        assert "vlan2 is served by nobody any more: vlan1 relays it" in told
        assert "vlan2 is to be served by the racks of vlan1, which relays it" in told


async def test_m10_a_lost_rack_that_may_still_serve_it_is_waited_for(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=0.5) as dhcp:
        for number, vlan in ((1, HERE), (2, HERE), (3, FAR), (4, FAR)):
            dhcp.start_rack(number, vlan)
        for vlan in (HERE, FAR):
            dhcp.create_vlan(vlan)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        await dhcp.fleet.stop_rack("rack3")
        dhcp.change_vlan(FAR, relay_vlan="vlan1")
        await eventually(lambda: serving(dhcp, FAR) == {"rack3": "vlan2"}, PATIENCE)
        await goes_on(lambda: serving(dhcp, FAR) == {"rack3": "vlan2"}, 1.0)
        fleet = dhcp.fleet.read()
        (trouble,) = of_vlan(fleet, fleet.vlans[VlanId(FAR)])
        assert trouble.code == "VlanUnserved"
        assert "rack3 is lost and may still serve it" in trouble.affects
        dhcp.start_rack(3, FAR)
        look, twice = watched(dhcp)
        await served_by(dhcp, look, ("rack1", "rack2"), "vlan1")
        assert twice == []
