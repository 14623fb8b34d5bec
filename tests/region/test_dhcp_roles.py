"""Who is the primary and who the secondary when racks, servers and VLANs come and go."""

import pytest

from evenrack.region.database.inventory_store import remove
from evenrack.region.views.dhcp_status import dhcp_status_of
from evenrack.runtime.wall_clock import utc_now
from tests.region.processes import eventually, goes_on
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


async def test_m12_a_lost_rack_moves_the_designation_only_and_the_files_follow_on_its_return(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=0.5) as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        starts, roles = dhcp.starts(), dhcp.roles(1)
        await dhcp.fleet.stop_rack(roles["primary"])

        def designated():
            (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
            return vlan["primary_rack"], vlan["secondary_rack"], vlan["pending"]

        swapped = (roles["secondary"], roles["primary"])
        await eventually(lambda: designated() == (*swapped, True), PATIENCE)
        await goes_on(lambda: dhcp.starts() == starts, 1.0)
        dhcp.start_rack(int(roles["primary"][-1]), 1)
        await eventually(lambda: designated() == (*swapped, False), PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert dhcp.roles(1) == {"primary": roles["secondary"], "secondary": roles["primary"]}
        assert dhcp.starts() == {rack: count + 1 for rack, count in starts.items()}
        old, new = (dhcp.servers[roles[role]] for role in ("primary", "secondary"))
        assert old.restarts[-1][1] <= new.restarts[-1][0], "the old primary restarts first"


async def test_a_rack_that_drains_is_replaced_in_the_files_too_and_serves_nothing(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        for number in (1, 2, 3):
            dhcp.start_rack(number, 1, 2, 3)
        for vlan in (1, 2, 3):
            dhcp.create_vlan(vlan)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        drained = dhcp.roles(1)["primary"]
        dhcp.drain(drained)

        others = {"rack1", "rack2", "rack3"} - {drained}

        def is_drained():
            return all(set(dhcp.roles(vlan).values()) == others for vlan in (1, 2, 3))

        await eventually(is_drained, PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert not dhcp.servers[drained].running()


async def test_m12_a_role_that_the_peer_does_not_follow_is_taken_back_and_not_tried_on_and_on(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        roles, starts = dhcp.roles(1), dhcp.starts()
        dhcp.servers[roles["secondary"]].starts = False
        dhcp.drain(roles["primary"])
        old = dhcp.servers[roles["primary"]]
        await eventually(lambda: dhcp.roles(1).get("primary") is None, PATIENCE)
        await eventually(lambda: dhcp.roles(1) == roles, PATIENCE)
        await eventually(dhcp.is_at_rest, PATIENCE)
        await goes_on(lambda: len(old.started) == starts[roles["primary"]] + 2, 3.0)


async def test_a_server_that_dies_is_started_again_and_all_are_told(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        server.starts = False
        server.kill()

        def states():
            (vlan,) = dhcp_status_of(dhcp.fleet.read(), utc_now())
            return {side["rack"]: side["state"] for side in vlan["sides"]}

        await eventually(lambda: states()["rack1"] == "down", PATIENCE)
        server.starts = True
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert states() == {"rack1": "normal", "rack2": "normal"}


async def test_a_vlan_that_is_deleted_is_served_by_nobody_and_its_servers_stop(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        dhcp.inventory(lambda c: remove(c, "vlan", "vlan1"))
        await eventually(
            lambda: not any(server.running() for server in dhcp.servers.values()), PATIENCE
        )
        await eventually(dhcp.is_at_rest, PATIENCE)
