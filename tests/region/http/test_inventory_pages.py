"""VLANs, subnets, ranges and reservations over HTTP: real requests to a real region process."""

import pytest

from evenrack.model.boot import BOOT_FILES
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.network_rules import OPTIONAL_LIMITS
from tests.region.http.inventory_api import MAC, NETWORK, served

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

SUBNET = {
    *("id", "vlan", "cidr", "gateway", "dns_servers", "ntp_servers", "domain", "generation"),
    *("search_domains", "allow_unknown"),
}


async def test_objects_have_the_keys_that_programs_rely_on(database_dsn):
    async with served(database_dsn) as api:
        (vlan, _) = (await api("GET", "/api/v1/vlans")).json["vlans"]
        assert vlan == {
            "id": vlan["id"],
            "name": "vlan1",
            "fabric": "default",
            "vid": 1,
            "dhcp_on": True,
            "lease_seconds": 600,
            "max_response_delay": 60,
            "mclt": 3600,
            "split": 255,
            **dict.fromkeys((*OPTIONAL_LIMITS, "next_server", "relay_vlan")),
            **dict.fromkeys(BOOT_FILES, ""),
            "generation": vlan["generation"],
        }
        assert FleetNumber.from_text(vlan["generation"]) > BEFORE_ALL
        (subnet,) = (await api("GET", "/api/v1/subnets?vlan=vlan1")).json["subnets"]
        assert set(subnet) == SUBNET
        assert (subnet["vlan"], subnet["gateway"], subnet["dns_servers"]) == (
            "vlan1",
            "10.0.0.1",
            [],
        )
        (one,) = (await api("GET", "/api/v1/ranges")).json["ranges"]
        assert {**one, "id": 0, "generation": ""} == {
            "id": 0,
            "subnet": "10.0.0.0/24",
            "first": "10.0.0.100",
            "last": "10.0.0.199",
            "reserved": False,
            "generation": "",
        }
        (kept,) = (await api("GET", "/api/v1/reservations")).json["reservations"]
        assert {**kept, "id": 0, "generation": ""} == {
            "id": 0,
            "subnet": "10.0.0.0/24",
            "mac": MAC,
            "duid": None,
            "address": "10.0.0.3",
            "hostname": "",
            "other_macs": [],
            "generation": "",
        }


async def test_what_is_created_has_an_address_of_its_own_and_its_generation_as_tag(database_dsn):
    async with served(database_dsn) as api:
        made = await api(
            "POST",
            "/api/v1/subnets",
            {
                "vlan": "vlan2",
                "cidr": "10.1.0.0/16",
                "gateway": None,
                "dns_servers": ["192.0.2.1", "192.0.2.2"],
                "ntp_servers": [],
                "domain": "example.com",
            },
        )
        assert (made.status, made.headers["Location"]) == (
            201,
            f"/api/v1/subnets/{made.json['id']}",
        )
        again = await api("GET", made.headers["Location"])
        assert again.json == made.json
        assert again.headers["ETag"] == f'"{made.json["generation"]}"'
        assert (await api("GET", "/api/v1/subnets/10.1.0.0%2F16")).json == made.json
        by_id = await api("GET", f"/api/v1/subnets?vlan={(await vlan2(api))['id']}")
        assert by_id.json["subnets"] == [made.json]


async def vlan2(api):
    return (await api("GET", "/api/v1/vlans/vlan2")).json


async def test_some_fields_are_changed_and_the_others_stay(database_dsn):
    async with served(database_dsn) as api:
        before = (await api("GET", NETWORK)).json
        changed = await api("PATCH", NETWORK, {"gateway": None, "domain": "example.com"})
        assert changed.status == 200
        expected = {**before, "gateway": None, "domain": "example.com"}
        assert changed.json == {**expected, "generation": changed.json["generation"]}
        numbers = [FleetNumber.from_text(each["generation"]) for each in (before, changed.json)]
        assert numbers[0] < numbers[1]
        moved = await api("PATCH", NETWORK, {"vlan": (await vlan2(api))["id"]})
        assert moved.json["vlan"] == "vlan2"


async def test_what_is_deleted_is_answered_once_more_and_then_gone(database_dsn):
    async with served(database_dsn) as api:
        before = (await api("GET", NETWORK)).json
        gone = await api("DELETE", NETWORK)
        assert (gone.status, gone.json) == (200, before)
        assert (await api("DELETE", NETWORK)).status == 404
        assert (await api("GET", "/api/v1/reservations")).json == {
            "reservations": [],
            "next": None,
        }


async def test_lists_come_in_pages_that_go_on_where_the_last_ended(database_dsn):
    async with served(database_dsn) as api:
        for n in range(4):
            body = {"mac": f"52:54:00:00:00:0{n}", "address": f"10.0.0.1{n}"}
            await api("POST", "/api/v1/reservations", body)
        everything = (await api("GET", "/api/v1/reservations")).json["reservations"]
        seen, after = [], 0
        while after is not None:
            page = (await api("GET", f"/api/v1/reservations?after={after}&limit=2")).json
            assert len(page["reservations"]) <= 2
            seen += page["reservations"]
            after = page["next"]
        assert seen == everything
        assert len(seen) == 5
        for filters in ("vlan=vlan2", "subnet=10.0.0.0/24&vlan=vlan2"):
            assert (await api("GET", f"/api/v1/reservations?{filters}")).json["reservations"] == []
        narrow = await api("GET", "/api/v1/reservations?subnet=10.0.0.0%2F24&vlan=vlan1")
        assert narrow.json["reservations"] == everything
        nothing = (await api("GET", "/api/v1/reservations?limit=0&after=2")).json
        assert nothing == {"reservations": [], "next": 2}


async def test_an_object_that_has_changed_is_answered_412_with_its_present_state(database_dsn):
    async with served(database_dsn) as api:
        seen = (await vlan2(api))["generation"]
        first = await api("PATCH", "/api/v1/vlans/vlan2", {"vid": 2}, If_Match=f'"{seen}"')
        assert first.status == 200
        before = await api.everything()
        for method, body in (("PATCH", {"vid": 3}), ("DELETE", None)):
            late = await api(method, "/api/v1/vlans/vlan2", body, If_Match=seen)
            assert (late.status, late.json["code"]) == (412, "ChangedMeanwhile")
            assert late.json["present"] == first.json
            assert late.headers["ETag"] == first.headers["ETag"]
        assert await api.everything() == before
        for condition in ("*", first.headers["ETag"]):
            answer = await api("PATCH", "/api/v1/vlans/vlan2", {"vid": 2}, If_Match=condition)
            assert answer.status == 200


async def test_m10_a_vlan_is_relayed_by_one_with_racks_of_its_own_which_is_not_deleted(
    database_dsn,
):
    async with served(database_dsn) as api:
        await api("POST", "/api/v1/vlans", {"name": "vlan3"})
        far = "/api/v1/vlans/vlan2"
        for by, said in (("vlan2", "by itself"), (999, 'no vlan is called "999"')):
            answer = await api("PATCH", far, {"relay_vlan": by})
            assert [answer.status, *(e["field"] for e in answer.json["errors"])] == [
                422,
                "relay_vlan",
            ]
            assert said in answer.json["detail"]
        relayed = await api("PATCH", far, {"relay_vlan": "vlan1", "dhcp_on": True})
        assert (relayed.status, relayed.json["relay_vlan"]) == (200, "vlan1")
        answer = await api("PATCH", "/api/v1/vlans/vlan3", {"relay_vlan": "vlan2"})
        assert (answer.status, "is relayed itself" in answer.json["detail"]) == (422, True)
        answer = await api("PATCH", "/api/v1/vlans/vlan1", {"dhcp_on": False})
        assert [error["field"] for error in answer.json["errors"]] == ["dhcp_on"]
        answer = await api("PATCH", "/api/v1/vlans/vlan1", {"relay_vlan": "vlan3"})
        assert "relay_vlan" in [error["field"] for error in answer.json["errors"]]
        kept = await api("DELETE", "/api/v1/vlans/vlan1")
        assert (kept.status, kept.json["code"]) == (409, "StillNeeded")
        assert '"vlan2", which it relays' in kept.json["detail"]
        own = await api("PATCH", far, {"relay_vlan": None})
        assert (own.status, own.json["relay_vlan"]) == (200, None)
        assert (await api("DELETE", "/api/v1/vlans/vlan1")).status == 200


async def test_a_change_through_the_api_is_an_event_with_the_fleet_s_new_number(database_dsn):
    async with served(database_dsn) as api:
        renamed = (await api("PATCH", "/api/v1/vlans/vlan2", {"name": "b"})).json
        events = (await api("GET", "/api/v1/events?after=0&limit=1000")).json["events"]
        (last,) = [event for event in events if event["generation"] == renamed["generation"]]
        assert (last["kind"], last["object"]) == ("inventory", "vlan:b")
        assert last["text"] == "vlan b was changed: name vlan2 -> b"
