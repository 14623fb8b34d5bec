"""BMCs and machines over HTTP: real requests to a real region process with a real key file."""

import pytest

from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from tests.region.http.bmc_api import BMC, CLEAR, served

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

SHOWN = {
    *("id", "name", "driver", "address", "port", "user", "cipher_suite", "password_set"),
    *("privilege", "boot_type", "k_g_set"),
    *("login", "system", "certificate_sha256", "certificate_name"),
    *("owner", "reach"),
    "generation",
}


async def test_objects_have_the_keys_that_programs_rely_on(database_dsn):
    async with served(database_dsn) as api:
        first, second = (await api("GET", "/api/v1/bmcs")).json["bmcs"]
        assert first == {
            "id": first["id"],
            "name": "b1",
            "driver": "ipmitool",
            "address": "10.9.0.1",
            "port": 623,
            "user": "admin",
            "cipher_suite": None,
            "privilege": "operator",
            "boot_type": "uefi",
            "login": "session",
            "system": None,
            "certificate_sha256": None,
            "certificate_name": None,
            "password_set": True,
            "k_g_set": False,
            "owner": None,
            "reach": [],
            "generation": first["generation"],
        }
        assert (set(second), second["cipher_suite"]) == (SHOWN, 3)
        assert FleetNumber.from_text(first["generation"]) > BEFORE_ALL
        (machine,) = (await api("GET", "/api/v1/machines")).json["machines"]
        assert machine == {
            "id": machine["id"],
            "name": "m1",
            "bmc": "b1",
            "power": "unknown",
            "power_seen": None,
            "power_seen_by": None,
            "power_error": None,
            "generation": machine["generation"],
        }


async def test_what_is_created_has_an_address_of_its_own_and_its_generation_as_tag(database_dsn):
    async with served(database_dsn) as api:
        body = {**BMC, "name": "b3", "address": "10.9.0.3", "port": 6230, "cipher_suite": 17}
        made = await api("POST", "/api/v1/bmcs", body)
        assert made.headers["Location"] == f"/api/v1/bmcs/{made.json['id']}"
        again = await api("GET", made.headers["Location"])
        assert again.json == made.json
        assert again.headers["ETag"] == f'"{made.json["generation"]}"'
        assert (await api("GET", "/api/v1/bmcs/b3")).json == made.json
        machine = await api("POST", "/api/v1/machines", {"name": "m3", "bmc": made.json["id"]})
        assert (machine.status, machine.json["bmc"]) == (201, "b3")
        assert (await api("GET", machine.headers["Location"])).json == machine.json


async def test_a_bmc_with_redfish_has_its_own_port_and_a_fingerprint_in_one_form(database_dsn):
    async with served(database_dsn) as api:
        body = {**BMC, "name": "b3", "address": "10.9.0.3", "driver": "redfish"}
        options = {"login": "basic", "system": "Node 1", "certificate_sha256": "AB:" * 31 + "CD"}
        made = await api("POST", "/api/v1/bmcs", {**body, **options})
        assert (made.status, made.json["port"]) == (201, 443)
        assert made.json["certificate_sha256"] == "ab" * 31 + "cd"
        assert (await api("GET", "/api/v1/bmcs/b3")).json == made.json
        bad = {"certificate_sha256": "AB", "system": "", "login": "kerberos"}
        refused = await api("PATCH", "/api/v1/bmcs/b3", bad)
        assert {error["field"] for error in refused.json["errors"]} == bad.keys()
        none = {"certificate_sha256": None, "system": None, "password": CLEAR}
        changed = await api("PATCH", "/api/v1/bmcs/b3", {**none, "certificate_name": "b3.test"})
        assert changed.json["certificate_name"] == "b3.test"
        assert changed.json["certificate_sha256"] is changed.json["system"] is None
        away = await api("PATCH", "/api/v1/bmcs/b3", {"driver": "ipmi", "certificate_name": None})
        assert (away.status, away.json["port"]) == (200, 623)


async def test_some_fields_are_changed_and_a_machine_is_given_another_bmc(database_dsn):
    async with served(database_dsn) as api:
        changed = await api("PATCH", "/api/v1/bmcs/b2", {"cipher_suite": None, "name": "b9"})
        assert (changed.json["cipher_suite"], changed.json["name"]) == (None, "b9")
        moved = await api("PATCH", "/api/v1/machines/m1", {"bmc": "b9", "name": "m9"})
        assert (moved.status, moved.json["bmc"], moved.json["name"]) == (200, "b9", "m9")


async def test_a_bmc_with_a_machine_is_not_deleted_and_the_machine_is_named(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        refused = await api("DELETE", "/api/v1/bmcs/b1")
        assert (refused.status, refused.json["code"]) == (409, "BmcInUse")
        assert "bmc b1 switches machine m1" in refused.json["detail"]
        assert await api.everything() == before
        for path in ("machines/m1", "bmcs/b1"):
            there = (await api("GET", f"/api/v1/{path}")).json
            gone = await api("DELETE", f"/api/v1/{path}")
            assert (gone.status, gone.json) == (200, there)
            assert (await api("DELETE", f"/api/v1/{path}")).status == 404


async def test_lists_come_in_pages_and_machines_of_one_bmc(database_dsn):
    async with served(database_dsn) as api:
        for number in range(3, 6):
            body = {**BMC, "name": f"b{number}", "address": f"10.9.0.{number}"}
            await api("POST", "/api/v1/bmcs", body)
        everything = (await api("GET", "/api/v1/bmcs")).json["bmcs"]
        seen, after = [], 0
        while after is not None:
            page = (await api("GET", f"/api/v1/bmcs?after={after}&limit=2")).json
            seen, after = seen + page["bmcs"], page["next"]
        assert [each["name"] for each in seen] == [f"b{number}" for number in range(1, 6)]
        assert seen == everything
        assert (await api("GET", "/api/v1/bmcs?limit=0&after=1")).json == {"bmcs": [], "next": 1}
        of_b1 = (await api("GET", "/api/v1/machines?bmc=b1")).json["machines"]
        assert [each["name"] for each in of_b1] == ["m1"]
        assert (await api("GET", "/api/v1/machines?bmc=b2")).json["machines"] == []


async def test_an_object_that_has_changed_is_answered_412_with_its_present_state(database_dsn):
    async with served(database_dsn) as api:
        seen = (await api("GET", "/api/v1/bmcs/b2")).json["generation"]
        first = await api("PATCH", "/api/v1/bmcs/b2", {"port": 1}, If_Match=f'"{seen}"')
        assert first.status == 200
        before = await api.everything()
        for method, body in (("PATCH", {"password": "x"}), ("DELETE", None)):
            late = await api(method, "/api/v1/bmcs/b2", body, If_Match=seen)
            assert (late.status, late.json["code"]) == (412, "ChangedMeanwhile")
            assert late.json["present"] == first.json
            assert late.headers["ETag"] == first.headers["ETag"]
        assert await api.everything() == before
        kept = await api("PATCH", "/api/v1/bmcs/b2", {"port": 2}, If_Match="*")
        assert kept.status == 200


async def test_a_bmc_has_an_ipv6_address_or_a_host_name_in_one_form_and_each_once(database_dsn):
    async with served(database_dsn) as api:
        for name, given, kept in (
            ("b7", "2001:DB8:0:0::7", "2001:db8::7"),
            ("b8", "BMC8.example.com", "bmc8.example.com"),
        ):
            made = await api("POST", "/api/v1/bmcs", {**BMC, "name": name, "address": given})
            assert (made.status, made.json["address"]) == (201, kept)
            assert (await api("GET", f"/api/v1/bmcs/{name}")).json["address"] == kept
            twice = await api("POST", "/api/v1/bmcs", {**BMC, "name": "b9", "address": given})
            assert [error["field"] for error in twice.json["errors"]] == ["address"]
        moved = await api("PATCH", "/api/v1/bmcs/b7", {"address": "bmc7.example.com"})
        assert (moved.status, moved.json["errors"][0]["field"]) == (422, "password")
