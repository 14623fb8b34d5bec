"""Who serves a VLAN, from the inventory to the racks' servers: whole region processes and racks.

Everything is real but the DHCP server and the interfaces of each rack.
"""

import pytest

from evenrack.region.database.inventory_store import change
from evenrack.region.views.dhcp_status import dhcp_status_of
from evenrack.runtime.wall_clock import utc_now
from tests.rack.small_dhcp_server import refusing
from tests.region.processes import eventually
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on, overlap

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


async def test_a_vlan_gets_a_pair_that_begins_together_after_its_primary_was_alone(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", "region2") as dhcp:
        one, two = dhcp.start_rack(1, 1), dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        roles = dhcp.roles(1)
        assert set(roles) == {"primary", "secondary"}
        assert one.runs[0].number == two.runs[0].number
        primary, secondary = (dhcp.servers[roles[role]] for role in ("primary", "secondary"))
        assert [plan[0].role for plan, _ in primary.started] == ["alone", "primary"]
        assert [plan[0].role for plan, _ in secondary.started] == ["secondary"]
        assert [names for _, names in primary.started] == [("eth1",), ("eth1",)]
        turns = [event["text"] for event in dhcp.fleet.events("dhcp") if "turn" in event["text"]]
        assert len(turns) == 3
        assert sum("together with 1 other" in text for text in turns) == 2


async def test_racks_that_share_a_pair_take_a_change_one_after_the_other(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", "region2") as dhcp:
        one, two = dhcp.start_rack(1, 1), dhcp.start_rack(2, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        before, roles = dhcp.starts(), dhcp.roles(1)
        dhcp.change_vlan(1, lease_seconds=1200)
        await eventually(lambda: one.runs[0].vlan.settings.lease_seconds == 1200, PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        assert dhcp.starts() == {name: count + 1 for name, count in before.items()}
        assert not overlap(one.restarts[-1], two.restarts[-1])
        assert dhcp.roles(1) == roles
        assert one.runs[0].number == two.runs[0].number


async def test_six_vlans_of_three_racks_come_to_pairs_and_all_take_a_change(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", "region2") as dhcp:
        numbers = range(1, 7)
        for rack in (1, 2, 3):
            dhcp.start_rack(rack, *numbers)
        known = "SELECT rack_id FROM rack_interface"
        await eventually(lambda: len(dhcp.fleet.rows(known)) == 3 * len(numbers), PATIENCE)
        for number in numbers:  # who comes first to a VLAN stays its primary
            dhcp.create_vlan(number)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        primaries = [dhcp.roles(number)["primary"] for number in numbers]
        assert {name: primaries.count(name) for name in primaries} == dict.fromkeys(primaries, 2)
        settled = dhcp.starts()
        for number in numbers:
            dhcp.change_vlan(number, lease_seconds=1200)
        await eventually(
            lambda: all(
                service.vlan.settings.lease_seconds == 1200
                for server in dhcp.servers.values()
                for service in server.runs
            ),
            PATIENCE,
        )
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        restarts = [
            restart
            for name, server in dhcp.servers.items()
            for restart in server.restarts[settled[name] :]
        ]
        assert len(restarts) >= 3
        assert not any(
            overlap(one, other)
            for place, one in enumerate(restarts)
            for other in restarts[place + 1 :]
        )


async def test_a_vlan_that_is_bad_on_its_racks_is_told_and_the_others_take_their_changes(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        servers = [dhcp.start_rack(1, 1, 2), dhcp.start_rack(2, 1, 2)]
        for number in (1, 2):
            dhcp.create_vlan(number)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        bad = next(iter(dhcp.fleet.read().vlans))
        for server in servers:
            server.mistakes_in = lambda plan: refusing(bad)(
                [it for it in plan if it.vlan.settings.lease_seconds == 1200]
            )

        def change_both(connection):
            for number in (1, 2):
                change(connection, "vlan", f"vlan{number}", {"lease_seconds": 1200})

        dhcp.inventory(change_both)

        def served():
            leases = [[it.vlan.settings.lease_seconds for it in s.runs] for s in servers]
            return leases == [[600, 1200], [600, 1200]]

        def errors():
            one, two = dhcp_status_of(dhcp.fleet.read(), utc_now())
            return [{side["error"] for side in vlan["sides"]} for vlan in (one, two)]

        await eventually(served, PATIENCE)
        await eventually(lambda: errors() == [{f"VLAN {bad} is bad"}, {None}], PATIENCE)


async def test_a_turn_that_a_rack_refuses_is_told_in_the_log_and_given_again(database_dsn, log):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        server.starts = False
        dhcp.create_vlan(1)
        await eventually(lambda: log.about("did not take its turn", level="warn"), PATIENCE)
        assert any("ended as soon as it was started" in line for line in log.about("its turn"))
        server.starts = True
        await eventually(lambda: dhcp.roles(1) == {"alone": "rack1"}, PATIENCE)


async def test_a_rack_that_takes_long_over_its_restart_is_told_of_its_turn_once(database_dsn, log):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        server.seconds = 1.5  # the regions look again after one
        dhcp.create_vlan(1)
        await eventually(lambda: dhcp.roles(1) == {"alone": "rack1"}, PATIENCE)
        server.seconds = 0.0
        await eventually(lambda: dhcp.fleet.read().services and not dhcp.waiting(), PATIENCE)
        assert len(server.started) == 1
        assert log.about("did not take its turn") == []


async def test_a_rack_whose_links_end_during_its_restart_serves_when_it_is_back(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        server = dhcp.start_rack(1, 1)
        server.seconds = 1.0
        began = len(server.checked)
        dhcp.create_vlan(1)
        await eventually(lambda: len(server.checked) > began and dhcp.turns(), PATIENCE)
        await eventually(lambda: dhcp.fleet.racks["rack1"].converge._restarting, PATIENCE)
        for region in dhcp.fleet.regions.values():
            for link in list(region.service.connected.all_links()):
                link.cut("a test cuts it")
        await eventually(lambda: dhcp.roles(1) == {"alone": "rack1"}, PATIENCE)
        server.seconds = 0.0
        await eventually(lambda: dhcp.turns() and not dhcp.waiting(), PATIENCE)
        assert len(server.started) == 1
