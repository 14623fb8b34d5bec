"""The interfaces of a rack over HTTP: as a real rack told them, with the VLAN of each."""

import jsonschema_rs
import pytest

from evenrack.region.http.interface_page import _LIST
from tests.region.http.test_inventory_pages import Api
from tests.region.processes import eventually
from tests.region.test_dhcp_turns import PATIENCE, dhcp_fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(60)]


async def test_a_rack_s_addresses_are_told_with_the_vlan_that_each_is_on(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1, 9)
        dhcp.create_vlan(1)
        await eventually(lambda: dhcp.fleet.read().interfaces, PATIENCE)
        api = Api(dhcp.fleet.regions["region1/1"])
        answer = await api("GET", "/api/v1/racks/rack1/interfaces")
        assert answer.status == 200, answer.text
        told = {row["address"]: (row["vlan"], row["subnet"]) for row in answer.json}
        assert told == {"10.1.0.1/24": ("vlan1", "10.1.0.0/24"), "10.9.0.1/24": (None, None)}
        jsonschema_rs.validator_for(_LIST.answer).validate(answer.json)
        for name, why in (("rack2", 'there is no rack "rack2"'), ("a%00", "no rack is called so")):
            refused = await api("GET", f"/api/v1/racks/{name}/interfaces")
            assert (refused.status, why in refused.json["detail"]) == (404, True)
