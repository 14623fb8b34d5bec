"""A rack daemon that is restarted asks its BMCs anew, and these stay its own meanwhile."""

import pytest
from twisted.internet.defer import Deferred

from tests.region.power_fleet import PATIENCE, address_of, power_fleet_on
from tests.region.processes import eventually

pytestmark = pytest.mark.postgres

BMCS = 4


def owners(power):
    """Who owns which BMC, and since which decision."""
    rows = power.fleet.rows("SELECT bmc_id, rack_id, era, generation FROM bmc_owner")
    return sorted(tuple(row) for row in rows)


@pytest.mark.deadline(120)
async def test_p11_a_restarted_rack_keeps_the_bmcs_that_it_has_not_asked_anew_and_their_orders(
    database_dsn,
):
    both = {"rack1", "rack2"}
    async with power_fleet_on(database_dsn, racks=2, machines=BMCS) as power:
        driver = power.drivers["rack1"]
        mine = next(number for number, owner in power.owners().items() if owner == "rack1")
        dead = next(number for number, owner in power.owners().items() if owner == "rack2")
        await power.fleet.stop_rack("rack1")
        await power.add_machine(BMCS + 1)
        await eventually(lambda: power.owners().get(BMCS + 1) == "rack2", PATIENCE)
        before = owners(power)
        driver.held = {address_of(number): Deferred() for number in range(1, BMCS + 1)}
        driver.unreachable.add(address_of(dead))
        power.start_rack("rack1")
        # the rack has told of the only one whose answer it has: so it is recorded of the others
        await eventually(lambda: power.reach(BMCS + 1) == both, PATIENCE)
        assert all(power.reach(number) == both for number in range(1, BMCS + 1))
        (number,) = await power.order("cycle", f"m{mine}")
        row = await power.end_of(number)
        assert (row["result"], row["rack"]) == ("ok", "rack1")
        assert owners(power) == before
        for answer in driver.held.values():
            answer.callback(None)
        driver.held = {}
        await eventually(lambda: power.reach(dead) == {"rack2"}, PATIENCE)
        assert all(power.reach(number) == both for number in range(1, BMCS + 2) if number != dead)
        assert owners(power) == before
