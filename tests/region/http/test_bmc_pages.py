"""BMCs and machines over HTTP: real requests to a real region process with a real key file."""

import base64
import contextlib
import json

import psycopg2
import pytest
from attrs import evolve
from twisted.logger import globalLogPublisher

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import ConfigurationRefused
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.region.database.bmc_reading import password_cell, sealed_password_of
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.sealing import Sealer
from evenrack.runtime.log_format import line_of
from tests.postgres_fixtures import copied_out
from tests.region.http.test_inventory_pages import Api, changed_by_requests
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

CLEAR = "SESAME öpen"
KEY = b"k" * 32
BMC = {
    "name": "b1",
    "driver": "ipmitool",
    "address": "10.9.0.1",
    "user": "admin",
    "password": CLEAR,
}
SHOWN = {
    *("id", "name", "driver", "address", "port", "user", "cipher_suite", "password_set"),
    *("privilege", "boot_type", "k_g_set"),
    *("login", "system", "certificate_sha256", "certificate_name"),
    *("owner", "reach"),
    "generation",
}


class KeptApi(Api):
    """An API that remembers every answer, with its headers."""

    def __init__(self, region):
        super().__init__(region)
        self.answers = []

    async def __call__(self, method, path, body=None, **headers):
        answer = await super().__call__(method, path, body, **headers)
        self.answers.append(f"{answer.headers}{answer.text}")
        return answer

    async def everything(self):
        """Give all that requests change; other events come when their time has come."""
        nouns = ("bmcs", "machines", "events?after=0")
        return changed_by_requests([(await self("GET", f"/api/v1/{noun}")).json for noun in nouns])


def start_with_keys(fleet, host="region1", key_id="k", content=KEY):
    config = fleet.region_config(host)
    path = fleet.folder / f"{host}.keys"
    path.write_text(f"{key_id}:{base64.b64encode(content).decode()}\n")
    path.chmod(0o600)
    fleet._hosts[host] = evolve(config, key_file=path)
    return fleet.start_region(host)


@contextlib.asynccontextmanager
async def served(dsn):
    """A region process that has joined, with b1 that switches m1, and b2."""
    async with fleet_on(dsn) as fleet:
        region = start_with_keys(fleet)
        await eventually(fleet.has_leader)
        api = KeptApi(region)
        for noun, body in (
            ("bmcs", BMC),
            ("bmcs", {**BMC, "name": "b2", "address": "10.9.0.2", "cipher_suite": 3}),
            ("machines", {"name": "m1", "bmc": "b1"}),
        ):
            assert (await api("POST", f"/api/v1/{noun}", body)).status == 201
        yield api


def opened(dsn, number, content=KEY):
    """The password as a rack would get it."""
    engine = open_engine(dsn, "tests", sessions=0)
    try:
        sealed = attempt(engine, lambda c: sealed_password_of(c, number))
    finally:
        engine.dispose()
    return a_sealer(content).open(sealed, password_cell(number)).reveal().decode()


def a_sealer(content):
    keys = Keys(all=(Key(id="k", content=Secret(content)),))
    return Sealer(keys=keys, token_bytes=lambda _: b"")


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


async def test_a_bmc_s_own_key_is_taken_and_forgotten_and_in_no_answer(database_dsn):
    async with served(database_dsn) as api:
        options = {"driver": "ipmi", "privilege": "administrator", "boot_type": "legacy"}
        body = {**BMC, "name": "b3", "address": "10.9.0.3", **options, "k_g": "SESAME key"}
        made = await api("POST", "/api/v1/bmcs", body)
        assert (made.status, made.json["k_g_set"]) == (201, True)
        assert {name: made.json[name] for name in options} == options
        assert (await api("GET", "/api/v1/bmcs/b3")).json == made.json
        refused = await api("PATCH", "/api/v1/bmcs/b3", {"driver": "ipmitool"})
        assert [error["field"] for error in refused.json["errors"]] == ["k_g"]
        gone = await api("PATCH", "/api/v1/bmcs/b3", {"driver": "ipmitool", "k_g": None})
        assert (gone.json["driver"], gone.json["k_g_set"]) == ("ipmitool", False)
        assert not any("SESAME" in answer for answer in api.answers)


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


async def test_redfish_is_not_told_a_password_that_was_given_for_something_else(database_dsn):
    async with served(database_dsn) as api:
        refused = await api("PATCH", "/api/v1/bmcs/b1", {"driver": "redfish"})
        (error,) = refused.json["errors"]
        assert (refused.status, error["field"]) == (422, "password")
        taken = await api("PATCH", "/api/v1/bmcs/b1", {"driver": "redfish", "password": CLEAR})
        assert (taken.status, taken.json["port"]) == (200, 443)
        for body in ({"port": 8443}, {"certificate_sha256": "ab" * 32}):
            assert (await api("PATCH", "/api/v1/bmcs/b1", body)).status == 422
            assert (await api("PATCH", "/api/v1/bmcs/b1", {**body, "password": "x"})).status == 200
        assert (await api("PATCH", "/api/v1/bmcs/b1", {"login": "basic"})).status == 200


async def test_a_password_is_taken_when_created_and_when_changed_and_opens_with_the_key(
    database_dsn,
):
    async with served(database_dsn) as api:
        before = (await api("GET", "/api/v1/bmcs/b1")).json
        assert opened(database_dsn, before["id"]) == CLEAR
        changed = await api("PATCH", "/api/v1/bmcs/b1", {"password": "other", "user": "x"})
        assert changed.json == {**before, "user": "x", "generation": changed.json["generation"]}
        assert opened(database_dsn, before["id"]) == "other"
        await api("PATCH", "/api/v1/bmcs/b1", {"port": 6230})
        assert opened(database_dsn, before["id"]) == "other"


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


NEW_BMC = {**BMC, "name": "b7", "address": "10.9.0.7"}
FIELDS = [
    (
        "bmcs",
        {},
        dict.fromkeys(("name", "driver", "address", "user", "password"), "is required"),
    ),
    (
        "bmcs",
        {**BMC, "driver": "telnet", "cipher_suite": 0, "port": "623", "password": 7, "id": 1},
        {
            "driver": "must be ipmi, ipmitool, redfish",
            "cipher_suite": "must be 17 or 3",
            "port": "must be a whole number, not text",
            "password": "must be text, not a number",
            "id": "cannot be set",
        },
    ),
    ("bmcs", {**BMC, "cipher_suite": True}, {"cipher_suite": "must be 17 or 3"}),
    ("bmcs", {**BMC, "password_set": True}, {"password_set": "unknown; did you mean password"}),
    (
        "bmcs",
        {**BMC, "privilege": "root", "boot_type": "bios", "k_g": 7},
        {
            "privilege": "must be user, operator, administrator",
            "boot_type": "must be uefi or legacy",
            "k_g": "must be text, not a number",
        },
    ),
    ("bmcs", {**NEW_BMC, "k_g": "0xSESAME"}, {"k_g": "hexadecimal digits"}),
    ("bmcs", {**NEW_BMC, "k_g": "SESAME öpen"}, {"k_g": "choose --driver ipmi"}),
    ("bmcs", {**BMC, "password": None}, {"password": "must be text, not null"}),
    ("bmcs", {**BMC, "password": "SESAME\0"}, {"password": "must not hold the character NUL"}),
    ("bmcs", {**BMC, "password": "SESAME\ud800"}, {"password": "half of a surrogate pair"}),
    (
        "bmcs",
        {**BMC, "name": "a b", "user": "", "port": 0, "password": "SESAME" * 4},
        {
            "name": "1 to 63 letters",
            "user": "must not be empty",
            "port": "1 to 65535",
            "password": "has 24 bytes, and IPMI 2.0 allows at most 20",
        },
    ),
    (
        "bmcs",
        BMC,
        {"name": "another bmc has this name", "address": '"b1" has 10.9.0.1 port 623 already'},
    ),
    ("bmcs", {**NEW_BMC, "address": "b_7"}, {"address": "must be an IPv4 or IPv6 address or a"}),
    ("bmcs", {**NEW_BMC, "address": "fe80::1%eth0"}, {"address": "must be an IPv4 or IPv6"}),
    ("bmcs", {**NEW_BMC, "address": "fe80::1"}, {"address": "means something else on each link"}),
    ("bmcs", {**NEW_BMC, "address": 7}, {"address": "must be text, not a number"}),
    ("machines", {"name": "m2", "bmc": "b1"}, {"bmc": 'switches "m1" already'}),
    (
        "machines",
        {"name": "1", "bmc": "b9"},
        {"name": "digits alone", "bmc": 'no bmc is called "b9"; there are: b1, b2'},
    ),
    ("machines", {"name": "m2", "bmc": []}, {"bmc": "must be a name or an id, not a list"}),
    ("machines", {"name": "m2"}, {"bmc": "is required, and missing"}),
]


async def test_every_field_that_is_wrong_is_named_at_once_and_nothing_changes(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for noun, body, expected in FIELDS:
            answer = await api("POST", f"/api/v1/{noun}", body)
            assert (body, answer.status, answer.type) == (body, 422, "application/problem+json")
            errors = {error["field"]: error["detail"] for error in answer.json["errors"]}
            assert errors.keys() == expected.keys()
            for field, said in expected.items():
                assert said in errors[field]
        for path, body, field in (
            ("bmcs/b1", {"name": "b2"}, "name"),
            ("bmcs/b1", {"password": ""}, "password"),
            ("bmcs/b1", {"address": "10.9.0.99"}, "password"),
            ("machines/m1", {"bmc": "b9"}, "bmc"),
        ):
            answer = await api("PATCH", f"/api/v1/{path}", body)
            assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)
        assert await api.everything() == before
        assert not any("SESAME" in answer for answer in api.answers)


async def test_what_makes_no_sense_is_answered_400_and_what_is_not_there_404(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        for method, path, status, said in (
            ("GET", "bmcs?bmc=b1", 400, "bmc: this argument is unknown; known are after, limit"),
            ("GET", "machines?bmc=b9", 400, 'bmc: no bmc is called "b9"'),
            ("GET", "bmcs/b1?limit=1", 400, "limit: this argument is unknown; none is known here"),
            ("POST", "bmcs?x=1", 400, "x: this argument is unknown"),
            ("GET", "bmcs/b9", 404, "there are: b1, b2"),
            ("PATCH", "machines/m9", 404, "there are: m1"),
            ("DELETE", "bmcs/%00", 404, "there are: b1, b2"),
            ("GET", "bmcs/b1/password", 404, "does not exist"),
            ("PUT", "bmcs/b1", 405, "answered here are: GET, HEAD, PATCH, DELETE"),
            ("DELETE", "bmcs", 405, "answered here are: GET, HEAD, POST"),
        ):
            answer = await api(method, f"/api/v1/{path}", {} if method[0] == "P" else None)
            assert (path, answer.status) == (path, status)
            assert said in answer.json["detail"]
        answer = await api("DELETE", "/api/v1/bmcs/b1", If_Match="yesterday")
        assert answer.json["detail"].startswith("If-Match: ")
        assert (await api("GET", "/api/v1/bmcs/")).status == 200
        assert await api.everything() == before


async def test_a_region_without_a_key_file_says_so_and_serves_all_else(database_dsn, log):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(fleet.has_leader)
        assert len(log.about("there is no key file", level="warn")) == 1
        api = Api(fleet.regions["region1/1"])
        refused = await api("POST", "/api/v1/bmcs", BMC)
        assert (refused.status, refused.json["code"]) == (503, "KeyMissing")
        assert "copy the key file from a region host that has it" in refused.json["detail"]
        assert (await api("GET", "/api/v1/bmcs")).json["bmcs"] == []
        keyed = Api(start_with_keys(fleet, "region2"))
        made = await keyed("POST", "/api/v1/bmcs", BMC)
        assert made.status == 201
        assert (await api("PATCH", "/api/v1/bmcs/b1", {"port": 624})).status == 200
        assert opened(database_dsn, made.json["id"]) == CLEAR


async def test_the_password_is_in_no_row_answer_event_or_log_line(database_dsn):
    lines = []

    def observe(event):
        lines.append(line_of(event) + repr(event))

    globalLogPublisher.addObserver(observe)
    try:
        async with served(database_dsn) as api:
            await api("PATCH", "/api/v1/bmcs/b1", {"password": f"{CLEAR}2"})
            await api("PATCH", "/api/v1/bmcs/b1", {"password": CLEAR * 3})
            await api("POST", "/api/v1/bmcs", {**BMC, "name": "b1"})
            await api("POST", "/api/v1/bmcs", json.dumps(BMC).encode() + b"}")
            await api("DELETE", "/api/v1/machines/m1")
            await api("DELETE", "/api/v1/bmcs/b1")
            await api.everything()
            rows = all_rows(database_dsn)
            assert b"10.9.0.2" in rows
            answers = api.answers
    finally:
        globalLogPublisher.removeObserver(observe)
    assert len(answers) > 10
    assert any("has joined" in line for line in lines)
    for hidden in hidden_forms():
        assert hidden not in rows
        assert not any(hidden.decode("latin-1") in line for line in [*lines, *answers])


def hidden_forms():
    """The word, and how JSON, bytea and base64 would show the beginning of it."""
    word = b"SESAME"
    return [word, word.hex().encode(), base64.b64encode(word)]


def all_rows(dsn):
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        assert {"bmc", "machine", "event"} <= set(tables)
        return b"".join(copied_out(cursor, table) for table in tables)


async def test_a_key_file_that_is_open_to_others_stops_the_region_at_its_start(database_dsn):
    async with fleet_on(database_dsn) as fleet:
        start_with_keys(fleet)
        (fleet.folder / "region1.keys").chmod(0o644)
        with pytest.raises(ConfigurationRefused, match="chmod 600"):
            fleet.start_region("region1", 2)
