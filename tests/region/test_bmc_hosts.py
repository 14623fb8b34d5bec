"""BMCs with a host name or an IPv6 address, from the API to what they are told."""

from ipaddress import IPv6Address

import pytest

from evenrack.model.bmc_host import HostName
from tests.region.power_fleet import PATIENCE, power_fleet_on
from tests.region.processes import eventually

HOSTS = (HostName("bmc2.example.com"), IPv6Address("2001:db8::3"))


@pytest.mark.postgres
@pytest.mark.deadline(120)
async def test_every_rack_is_told_of_such_a_bmc_one_owns_it_and_it_is_switched_once(database_dsn):
    async with power_fleet_on(database_dsn) as power:
        for number, host in enumerate(HOSTS, start=2):
            await power.add_machine(number, address=host)
        await eventually(lambda: power.everybody_reaches(1, 2, 3), PATIENCE)
        for order in await power.order("cycle", "m2", "m3"):
            row = await power.end_of(order)
            assert (row["result"], row["state"]) == ("ok", "on")
        assert [power.machines.told_to(host) for host in HOSTS] == [["off", "on"]] * 2
