"""Power orders while PostgreSQL is away: they are finished, and nothing is done twice."""

import pytest
from twisted.internet.threads import deferToThread

from evenrack.balance.power_routes import SURELY_ENDED_SECONDS
from tests.region.power_fleet import PATIENCE, address_of, power_fleet_on
from tests.region.processes import eventually, goes_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


async def cycled_unrecorded(power, server):
    """Let a cycle be told to go on when nothing can be recorded any more; it is not on yet."""
    bmc = power.machines.bmcs[address_of(1)]
    bmc.stuck = True  # so that nothing is done before or after it is to be
    (number,) = await power.order("cycle", "m1")
    await eventually(lambda: power.told() == ["off"])
    await deferToThread(server.stop, "immediate")
    bmc.press("off")
    await eventually(lambda: power.told() == ["off", "on"])
    return number, bmc


async def test_a_cycle_is_finished_while_the_database_is_away_and_its_end_is_told_afterwards(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with power_fleet_on(dsn, hosts=2) as power:
        number, bmc = await cycled_unrecorded(power, server)
        bmc.press("on")
        await goes_on(lambda: power.told() == ["off", "on"], 1.5)
        await deferToThread(server.start)
        row = await power.end_of(number)
        assert (row["result"], row["state"]) == ("ok", "on")
        assert power.told() == ["off", "on"]


async def test_a_cycle_that_was_finished_unrecorded_and_whose_rack_is_lost_is_not_done_twice(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with power_fleet_on(dsn, racks=2) as power:
        owners = power.owners()
        number, bmc = await cycled_unrecorded(power, server)
        await power.fleet.stop_rack(owners[1])
        bmc.press("on")
        await deferToThread(server.start)
        row = await power.end_of(number, SURELY_ENDED_SECONDS + PATIENCE)
        assert (row["result"], row["phase"], row["rack"]) == ("unknown", "OFF_SENT", owners[1])
        assert power.told(1) == ["off", "on"]


async def test_a_cycle_that_was_finished_unrecorded_and_whose_rack_restarts_is_not_done_twice(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with power_fleet_on(dsn, racks=1) as power:
        number, bmc = await cycled_unrecorded(power, server)
        await power.fleet.stop_rack("rack1")
        bmc.press("on")
        await deferToThread(server.start)
        power.fleet.rows("UPDATE power_order SET expires_at = clock_timestamp() + interval '12 s'")
        looks = bmc.looks
        power.start_rack("rack1")
        row = await power.end_of(number)
        assert power.told() == ["off", "on"]
        assert (row["result"], row["phase"], row["attempt"]) == ("unknown", "OFF_SENT", 1)
        assert "when nobody could record it" in row["error"]
        assert bmc.looks > looks


async def test_a_cycle_whose_rack_lost_its_lease_goes_on_when_the_database_is_back(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with power_fleet_on(dsn) as power:
        owner, bmc = power.owner(1), power.machines.bmcs[address_of(1)]
        bmc.turns_in = 9.0
        (number,) = await power.order("cycle", "m1")
        await eventually(lambda: power.told() == ["off"])
        await deferToThread(server.stop, "immediate")
        await eventually(lambda: power.fleet.racks[owner].lease.manager is None)
        await eventually(lambda: bmc.state == "off")
        bmc.turns_in = 0.0
        await goes_on(lambda: power.told() == ["off"], 3.0)
        await deferToThread(server.start)
        row = await power.end_of(number)
        assert (row["result"], row["state"]) == ("ok", "on")
        assert power.told() == ["off", "on"]
