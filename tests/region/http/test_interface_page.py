"""The interfaces of a rack over HTTP: as a real rack told them, with the VLAN of each."""

from ipaddress import IPv4Network

import jsonschema_rs
import pytest

from evenrack.region.database.inventory_store import create
from evenrack.region.http.interface_page import _LIST
from tests.region.http.inventory_api import Api
from tests.region.processes import eventually
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


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
        assert {row["said_by"] for row in answer.json} == {"address"}
        jsonschema_rs.validator_for(_LIST.answer).validate(answer.json)
        for name, why in (("rack2", 'there is no rack "rack2"'), ("a%00", "no rack is called so")):
            refused = await api("GET", f"/api/v1/racks/{name}/interfaces")
            assert (refused.status, why in refused.json["detail"]) == (404, True)


async def test_an_operator_says_on_which_vlan_an_interface_is_and_what_serves_follows(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1, 9)
        dhcp.create_vlan(1)
        wish = {"cidr": IPv4Network("10.9.0.0/24")}
        dhcp.inventory(lambda c: create(c, "subnet", wish, inside="vlan1"))
        api = Api(dhcp.fleet.regions["region1/1"])

        def serves_from(address):
            services = dhcp.fleet.read().services.values()
            return [str(it.primary.address) for it in services] == [address]

        async def say(**what):
            return await api("POST", "/api/v1/racks/rack1/interfaces", {"name": "eth9", **what})

        await eventually(lambda: serves_from("10.1.0.1"), PATIENCE)
        told = await say(vlan="vlan1")
        assert told.status == 200, told.text
        rows = {row["name"]: (row["vlan"], row["said_by"]) for row in told.json}
        assert rows == {"eth1": ("vlan1", "address"), "eth9": ("vlan1", "operator")}
        await eventually(lambda: serves_from("10.9.0.1"), PATIENCE)
        told = await say(vlan=None)
        rows = {row["name"]: (row["vlan"], row["said_by"]) for row in told.json}
        assert rows["eth9"] == (None, "operator")
        await eventually(lambda: serves_from("10.1.0.1"), PATIENCE)
        assert {row["said_by"] for row in (await say()).json} == {"address"}
        texts = [event["text"] for event in dhcp.fleet.events("dhcp")]
        assert sum("says that eth9 is on" in text for text in texts) == 2


async def test_what_cannot_be_said_of_an_interface_is_refused_with_the_way_out(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1, 9)
        dhcp.create_vlan(1)
        await eventually(lambda: dhcp.fleet.read().interfaces, PATIENCE)
        api = Api(dhcp.fleet.regions["region1/1"])
        for rack, wish, status, why in (
            ("rack1", {"name": "eth5", "vlan": "vlan1"}, 400, "no interface eth5 with an address"),
            ("rack1", {"name": "eth1", "vlan": "vlan8"}, 400, 'there is no VLAN "vlan8"'),
            ("rack1", {"name": "eth9", "vlan": "vlan1"}, 400, "has no address in a subnet of"),
            ("rack2", {"name": "eth9", "vlan": "vlan1"}, 404, 'there is no rack "rack2"'),
        ):
            refused = await api("POST", f"/api/v1/racks/{rack}/interfaces", wish)
            assert (refused.status, why in refused.json["detail"]) == (status, True), refused.text
        assert dhcp.fleet.read().placed == {}
