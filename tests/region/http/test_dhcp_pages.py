"""DHCP over HTTP: how VLANs are served, what a rack is to serve, and a wish to look again."""

import contextlib

import psycopg2
import pytest

from evenrack.model.dhcp_plan import dhcp_plan_from_json
from tests.region.http.inventory_api import Api
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

KEYS = {
    *("vlan", "dhcp_on", "primary_rack", "secondary_rack", "pinned", "pending", "generation"),
    *("sides", "partner_down", "relay_vlan", "ipv6_left"),
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


async def test_a_wish_to_look_again_reads_no_inventory_while_others_wait_for_it(database_dsn):
    async with served(database_dsn) as (_, api):
        assert (await api("GET", "/api/v1/dhcp/vlan1")).status == 200
        with contextlib.closing(psycopg2.connect(database_dsn)) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE reservation IN ACCESS EXCLUSIVE MODE")
            for wish in ({}, {"now": True}):
                answer = await api("POST", "/api/v1/dhcp/vlan1/reconfigure", wish)
                assert (answer.status, answer.json.get("vlan")) == (200, "vlan1"), answer.text


async def test_m10_a_relayed_vlan_is_asked_about_at_the_racks_of_the_one_that_relays_it(
    database_dsn,
):
    async with served(database_dsn) as (fleet, api):
        far = {"name": "vlan2", "dhcp_on": True, "relay_vlan": "vlan1"}
        await api("POST", "/api/v1/vlans", far)
        await eventually(lambda: fleet.read().relayed == {2: 1})
        row = (await api("POST", "/api/v1/dhcp/vlan2/reconfigure", {"now": True})).json
        assert (row["relay_vlan"], row["primary_rack"]) == ("vlan1", "rack1")
        assert any("change of vlan2 wait for no rack" in it["text"] for it in fleet.events("dhcp"))
        leases = (await api("GET", "/api/v1/dhcp/vlan2/leases")).json
        assert [side["rack"] for side in leases["sides"]] == ["rack1"]
        (plan,) = (await api("GET", "/api/v1/dhcp-plans/rack1")).json["dhcp"]
        assert [vlan["name"] for vlan in plan["vlan"]["relayed"]] == ["vlan2"]


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


async def test_racks_are_named_for_the_roles_of_a_vlan(database_dsn):
    async with served(database_dsn) as (fleet, api):
        address = "/api/v1/dhcp/vlan1/pins"
        nobody = {"vlan": "vlan1", "primary_rack": None, "secondary_rack": None}
        assert (await api("GET", address)).json == nobody
        named = {**nobody, "secondary_rack": "rack1"}
        assert (await api("POST", address, {"secondary_rack": "rack0001"})).json == named
        assert (await api("POST", address, {"primary_rack": None})).json == named
        assert (await api("GET", "/api/v1/dhcp/vlan1")).json["pinned"] == ["secondary"]
        both = await api("POST", address, {"primary_rack": "rack1"})
        assert (both.status, "cannot be both" in both.json["detail"]) == (400, True)
        assert (await api("POST", address, {"primary_rack": "rack9"})).status == 404
        assert (await api("POST", address, {"primary_rack": 7})).status == 422
        assert (await api("GET", address)).json == named
        assert (await api("POST", address, {"secondary_rack": None})).json == nobody
        assert not fleet.read().pins
        told = [event["text"] for event in fleet.events("dhcp") if "names racks" in event["text"]]
        assert len(told) == 2, "what changes nothing is no event"
        await api("POST", "/api/v1/vlans", {"name": "far", "relay_vlan": "vlan1"})
        far = await api("POST", "/api/v1/dhcp/far/pins", {"primary_rack": "rack1"})
        assert (far.status, "name them for vlan1" in far.json["detail"]) == (400, True)
        assert any("primary any, secondary rack1" in text for text in told)
