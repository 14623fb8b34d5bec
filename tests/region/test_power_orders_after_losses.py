"""Power orders whose rack, managing process or link is lost: nothing is done twice."""

import pytest
from sqlalchemy import text
from twisted.internet import reactor

from evenrack.balance.power_routes import SURELY_ENDED_SECONDS
from evenrack.region.database.engine import IDLE_LIMIT
from tests.region.power_fleet import address_of, other_than, power_fleet_on
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    "AND datname = current_database() AND query LIKE 'UPDATE power_order SET phase%'"
)


async def test_p10_m17_an_order_for_a_dead_owner_s_bmc_is_carried_out_by_another_rack_at_once(
    database_dsn,
):
    async with power_fleet_on(database_dsn, hosts=2) as power:
        owner = power.owner(1)
        await power.fleet.stop_rack(owner)
        await eventually(lambda: power.reach(1) == {other_than(owner)})
        assert power.owner(1) == owner, "it is held, and orders go around it"
        (number,) = await power.order("cycle", "m1")
        row = await power.end_of(number, 10)
        assert (row["result"], row["rack"], row["attempt"]) == ("ok", other_than(owner), 1)
        assert power.told() == ["off", "on"]
        assert set(power.tellers()) == {other_than(owner)}


async def test_p10_m17_an_owner_that_is_lost_before_it_sent_anything_is_replaced_at_once(
    database_dsn,
):
    async with power_fleet_on(database_dsn, hosts=2) as power:
        owner = power.owner(1)
        power.machines.bmcs[address_of(1)].answers_in = 6.0
        (number,) = await power.order("off", "m1")
        await eventually(lambda: power.drivers[owner].talking)
        await power.fleet.stop_rack(owner)
        power.machines.bmcs[address_of(1)].answers_in = 0.0
        row = await power.end_of(number, SURELY_ENDED_SECONDS - 3)
        assert (row["result"], row["rack"]) == ("ok", other_than(owner))
        assert power.told() == ["off"]
        assert power.tellers() == [other_than(owner)]


async def test_p10_a_cycle_whose_rack_is_lost_after_off_was_sent_is_finished_by_another(
    database_dsn,
):
    """One rack is stopped; another is cut off, and has no lease when its machine is off."""
    async with power_fleet_on(database_dsn, hosts=2, racks=3, machines=3) as power:
        owners = {rack: number for number, rack in power.owners().items() if rack != "rack3"}
        for bmc in power.machines.bmcs.values():
            bmc.turns_in = 9.0
        names = [f"m{number}" for number in owners.values()]
        numbers = dict(zip(owners, await power.order("cycle", *names), strict=True))
        await eventually(lambda: all(power.agreed(n) == ["off"] for n in owners.values()))
        assert {power.phase(number) for number in numbers.values()} == {"OFF_SENT"}
        lost_at = reactor.seconds()
        power.cut_off("rack1")
        await power.fleet.stop_rack("rack2")
        for bmc in power.machines.bmcs.values():
            bmc.turns_in = 0.0
        for owner, number in numbers.items():
            row = await power.end_of(number, 60)
            assert reactor.seconds() - lost_at >= SURELY_ENDED_SECONDS
            assert (row["result"], row["state"], row["attempt"]) == ("ok", "on", 2)
            assert row["rack"] == "rack3"
            machine = address_of(owners[owner])
            told = [it for it in power.machines.told if it[2] == machine]
            assert told == [(owner, "off", machine), ("rack3", "on", machine)]
        taken = [e for e in power.fleet.events("power") if "taken over at OFF_SENT" in e["text"]]
        assert len(taken) == 2


async def test_a_rack_whose_daemon_returns_goes_on_with_its_own_order(database_dsn):
    async with power_fleet_on(database_dsn, racks=1) as power:
        bmc = power.machines.bmcs[address_of(1)]
        bmc.turns_in = 2.0
        (number,) = await power.order("cycle", "m1")
        await eventually(lambda: power.agreed() == ["off"])
        await power.fleet.stop_rack("rack1")
        await eventually(lambda: bmc.state == "off")
        bmc.turns_in = 0.0
        power.start_rack("rack1")
        row = await power.end_of(number)
        assert (row["result"], row["attempt"], row["state"]) == ("ok", 1, "on")
        assert power.told() == ["off", "on"]


@pytest.mark.parametrize("at", ["the first look", "OFF_SENT"])
async def test_a_managing_process_that_is_lost_in_the_middle_is_replaced_and_nothing_is_done_twice(
    database_dsn, at
):
    async with power_fleet_on(database_dsn, hosts=2) as power:
        owner, bmc = power.owner(1), power.machines.bmcs[address_of(1)]
        if at == "OFF_SENT":
            bmc.turns_in = 3.0
        else:
            bmc.answers_in = 0.7
        (number,) = await power.order("cycle", "m1")
        if at == "OFF_SENT":
            await eventually(lambda: power.told() == ["off"])
        else:
            await eventually(lambda: power.drivers[owner].talking)
        manager = power.fleet.managers()[owner]
        await power.fleet.stop_region(power.fleet.regions[manager])
        row = await power.end_of(number)
        assert (row["result"], row["state"], row["attempt"]) == ("ok", "on", 1)
        assert row["rack"] == owner
        assert power.told() == ["off", "on"]
        assert set(power.tellers()) == {owner}


async def test_links_that_end_in_the_middle_do_no_harm(database_dsn, log):
    async with power_fleet_on(database_dsn, hosts=1) as power:
        bmc = power.machines.bmcs[address_of(1)]
        bmc.answers_in = 0.4
        (number,) = await power.order("cycle", "m1")
        (region,) = power.fleet.regions.values()
        for _ in range(4):
            await eventually(lambda: len(region.sockets()) == 2 and power.fleet.is_whole())
            for link in list(region.service.connected.all_links()):
                link.cut("a test cuts it")
        row = await power.end_of(number)
        assert (row["result"], row["attempt"]) == ("ok", 1)
        assert power.told() == ["off", "on"]
        assert not log.about("met a bug")


async def test_a_link_that_ends_while_a_phase_is_recorded_stops_nothing(database_dsn, log):
    async with power_fleet_on(database_dsn) as power:
        bmc = power.machines.bmcs[address_of(1)]
        bmc.answers_in = 3.0
        (number,) = await power.order("off", "m1")
        await eventually(lambda: power.row(number, "attempt") == (1,))
        with power.fleet._engine.connect() as held:
            held.execute(text(f"SET LOCAL {IDLE_LIMIT} = '60s'"))
            held.execute(text("SELECT 1 FROM power_order FOR UPDATE"))
            await eventually(lambda: power.fleet.rows(WAITING))
            bmc.answers_in = 0.0
            (region,) = power.fleet.regions.values()
            before = region.sockets()
            for link in list(region.service.connected.all_links()):
                link.cut("a test cuts it")
            await eventually(lambda: not before & region.sockets())
        row = await power.end_of(number)
        assert (row["result"], row["attempt"], row["state"]) == ("ok", 1, "off")
        assert power.told() == ["off"]
        assert not log.about("met a bug")
