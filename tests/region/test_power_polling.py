"""The power state of machines that nobody orders anything of: whole region processes and racks."""

from datetime import UTC, datetime

import pytest

from evenrack.model.identifiers import BmcId, RackId
from evenrack.region.database.state_store import DueBmc
from evenrack.region.power.power_polling import MOST_OF_RACK, chosen_of
from tests.region.power_fleet import address_of, power_fleet_on
from tests.region.processes import eventually

ONE, TWO = RackId("rack0001"), RackId("rack0002")


def due(bmc, rack):
    return DueBmc(bmc=BmcId(bmc), rack=rack, asked_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_rack_asks_so_many_at_once_the_oldest_first_and_none_twice():
    many = [due(n, ONE) for n in range(1, 30)] + [due(50, TWO)]
    asking = {BmcId(1): ONE, BmcId(99): ONE}
    chosen = [each.bmc for each in chosen_of(many, asking)]
    assert chosen == [*range(2, MOST_OF_RACK), 50]
    chosen = [each.bmc for each in chosen_of(many, asking, 3)]
    assert chosen == [2, 50]


async def machine_of(power, number=1):
    return (await power.api()("GET", f"/api/v1/machines/m{number}")).json


@pytest.mark.postgres
@pytest.mark.deadline(120)
async def test_a_machine_s_state_is_known_without_an_order_and_a_change_is_told(database_dsn):
    async with power_fleet_on(database_dsn, hosts=2) as power:

        async def shows(**wanted):
            found = await machine_of(power)
            return found if wanted.items() <= found.items() else None

        found = await eventually(lambda: shows(power="on"), 10)
        assert found["power_seen_by"] == power.owner(1)
        assert found["power_seen"] is not None
        power.machines.bmcs[address_of(1)].press("off")
        power.fleet.rows("UPDATE bmc_state SET next_at = now()")
        await eventually(lambda: shows(power="off"), 10)
        told = [event["text"] for event in power.fleet.events("power")]
        assert told == ["the machine of bmc b1 is off, and was on: nothing was ordered"]
        power.machines.opened_by = "another word"
        power.fleet.rows("UPDATE bmc_state SET next_at = now()")
        await eventually(lambda: shows(power="off", power_error="the password is another"), 10)
        power.machines.opened_by = "hidden word"
        (number,) = await power.order("on", "m1")
        assert (await power.end_of(number))["result"] == "ok"
        assert await shows(power="on", power_error=None)
        assert power.told() == ["on"]


@pytest.mark.postgres
@pytest.mark.deadline(120)
async def test_a_new_bmc_is_known_by_every_rack_within_10_s(database_dsn):
    async with power_fleet_on(database_dsn, racks=3) as power:
        await power.add_machine(2)
        await eventually(lambda: power.reach(2) == {"rack1", "rack2", "rack3"}, 10)
