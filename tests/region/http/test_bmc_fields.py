"""Wrong fields of BMCs and machines over HTTP: each is named at once, and nothing changes."""

import pytest

from tests.region.http.bmc_api import BMC, served
from tests.region.http.inventory_api import refused

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

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
            await refused(api, noun, body, expected)
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
