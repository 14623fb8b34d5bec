"""DHCP over HTTP: how VLANs are served, what a rack is to serve, and a wish to look again."""

import contextlib

import pytest

from evenrack.model.dhcp_plan import dhcp_plan_from_json
from tests.region.http.test_inventory_pages import Api
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(30)]

KEYS = {
    *("vlan", "dhcp_on", "primary_rack", "secondary_rack", "pinned", "pending", "generation"),
    *("sides", "partner_down"),
}


ROWS = (
    "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
    "holds_fingerprint) VALUES ('rack0001', 'rack1', '', '', false, 0, 0, '')",
    "INSERT INTO rack_interface (rack_id, address, name) "
    "VALUES ('rack0001', '198.51.100.7/24', 'eth9')",
    "INSERT INTO dhcp_pair VALUES (1, 'rack0001', NULL, 0, 1)",
    "INSERT INTO dhcp_service VALUES (1, 'rack0001', '198.51.100.7', NULL, NULL, 0, 1)",
)


@contextlib.asynccontextmanager
async def served(dsn):
    """A region with a VLAN that a rack serves, which is away at the moment."""
    async with fleet_on(dsn, "region1") as fleet:
        api = Api(fleet.regions["region1/1"])
        await eventually(fleet.is_whole)
        await api("POST", "/api/v1/vlans", {"name": "vlan1", "dhcp_on": True})
        await api("POST", "/api/v1/subnets", {"vlan": "vlan1", "cidr": "198.51.100.0/24"})
        for row in ROWS:
            fleet.rows(row)
        yield fleet, api


async def test_p9_status_tells_of_designations_and_of_both_sides(database_dsn):
    async with served(database_dsn) as (_, api):
        (row,) = (await api("GET", "/api/v1/dhcp")).json
        assert set(row) == KEYS
        assert (row["vlan"], row["primary_rack"], row["secondary_rack"]) == ("vlan1", "rack1", None)
        (side,) = row["sides"]
        assert (side["rack"], side["address"]) == ("rack1", "198.51.100.7")
        assert (await api("GET", "/api/v1/dhcp/1")).json["vlan"] == "vlan1"


async def test_p20_reconfigure_lets_the_leader_look_and_answers_with_the_status(database_dsn):
    async with served(database_dsn) as (_, api):
        answer = await api("POST", "/api/v1/dhcp/vlan1/reconfigure", {})
        assert (answer.status, answer.json["vlan"]) == (200, "vlan1")
        assert (await api("GET", "/api/v1/dhcp/vlan1/reconfigure")).status == 405
        assert (await api("GET", "/api/v1/dhcp/vlan1/other")).status == 404


async def test_rule_8_a_change_is_hurried_by_an_operators_word(database_dsn):
    async with served(database_dsn) as (fleet, api):
        address = "/api/v1/dhcp/vlan1/reconfigure"

        def hurries():
            return fleet.read().services[1].hurries

        await api("POST", address, {"now": False})
        assert not hurries()
        assert (await api("POST", address, {"now": "yes"})).status == 422
        assert (await api("POST", address, {"now": True})).status == 200
        assert any("wait for no rack" in event["text"] for event in fleet.events("dhcp"))


async def test_a_plan_is_what_its_rack_is_to_serve(database_dsn):
    async with served(database_dsn) as (_, api):
        (plan,) = (await api("GET", "/api/v1/dhcp-plans")).json
        assert plan == (await api("GET", "/api/v1/dhcp-plans/rack1")).json
        assert (plan["id"], plan["generation"]) == ("rack0001", None)
        (service,) = dhcp_plan_from_json(plan["dhcp"])
        assert (service.vlan.name, service.role) == ("vlan1", "alone")


@pytest.mark.parametrize("path", ["dhcp/vlan9", "dhcp/vlan9/reconfigure", "dhcp-plans/rack9"])
async def test_what_is_not_there_is_named_with_what_is(path, database_dsn):
    async with served(database_dsn) as (_, api):
        method = "POST" if path.endswith("reconfigure") else "GET"
        answer = await api(method, f"/api/v1/{path}", {} if method == "POST" else None)
        assert (answer.status, answer.type) == (404, "application/problem+json")
        assert "there are: " in answer.json["detail"]


async def test_without_a_database_it_is_said(database_dsn):
    async with served(database_dsn) as (fleet, api):
        fleet.regions["region1/1"].running._database.hang_up()
        answer = await api("GET", "/api/v1/dhcp")
        assert (answer.status, answer.json["code"]) == (503, "DatabaseUnreachable")
