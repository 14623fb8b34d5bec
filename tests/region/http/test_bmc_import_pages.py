"""The import of BMCs and machines over HTTP: all lines or none, and no password is shown."""

import pytest

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.model.identifiers import BmcId
from evenrack.region.database.bmc_reading import password_cell, sealed_password_of
from evenrack.region.sealing import Sealer
from tests.region.http.api_process import api_process

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

HIDDEN = "s3cret,word"
FILE = """# room 1
address,name,driver,user,password,port,cipher_suite
10.9.0.1,b1,ipmitool,me,"s3cret,word",,
10.9.0.2,b2,ipmitool,me,"s3cret,word",6230,17
"""
MACHINES = "name,bmc\nm1,b1\nm2,b2\n"


async def sent(api, content, arguments="", noun="bmcs"):
    path = f"/api/v1/{noun}/import{arguments}"
    return await api.locally("POST", path, content.encode(), Content_Type="text/csv")


async def listed(api, noun):
    return (await api.locally("GET", f"/api/v1/{noun}")).json[noun]


async def password_of(api, number):
    sealed = await api.database.read(lambda c: sealed_password_of(c, BmcId(number)))
    keys = Keys(all=(Key(id="k", content=Secret(b"k" * 32)),))
    sealer = Sealer(keys=keys, token_bytes=lambda n: b"t" * n)
    return sealer.open(sealed, password_cell(BmcId(number))).reveal().decode()


async def test_a_file_is_planned_then_imported_and_the_same_again_changes_nothing(database_dsn):
    async with api_process(database_dsn) as api:
        plan = await sent(api, FILE, "?plan=true")
        assert (plan.status, plan.json["new"], await listed(api, "bmcs")) == (200, 2, [])
        done = await sent(api, FILE, f"?planned={plan.json['plan']}")
        assert (done.status, done.json["new"], done.json["changed"]) == (200, 2, 0)
        first, second = await listed(api, "bmcs")
        assert (first["name"], first["port"], first["cipher_suite"]) == ("b1", 623, None)
        assert (second["port"], second["cipher_suite"]) == (6230, 17)
        assert second["generation"] == done.json["generation"]
        assert await password_of(api, first["id"]) == HIDDEN
        again = await sent(api, FILE)
        assert (again.json["same"], again.json["generation"]) == (2, None)
        made = await sent(api, MACHINES, noun="machines")
        assert (made.status, made.json["new"]) == (200, 2)
        assert [(m["name"], m["bmc"]) for m in await listed(api, "machines")] == [
            ("m1", "b1"),
            ("m2", "b2"),
        ]
        assert (await sent(api, MACHINES, noun="machines")).json["same"] == 2
        events = (await api.locally("GET", "/api/v1/events?after=0")).json["events"]
        texts = [event["text"] for event in events]
        assert "bmcs were imported: 2 new, 0 changed" in texts
        assert "machines were imported: 2 new, 0 changed" in texts
        by_hand = {"name": "b9", "driver": "ipmitool", "user": "u", "password": "p"}
        made = await api.locally("POST", "/api/v1/bmcs", {**by_hand, "address": "10.9.0.9"})
        assert made.status == 201, "its id is another one"


async def test_an_import_changes_what_is_there_exchanges_addresses_and_keeps_passwords(
    database_dsn,
):
    async with api_process(database_dsn) as api:
        await sent(api, FILE)
        ids = {bmc["name"]: bmc["id"] for bmc in await listed(api, "bmcs")}
        swapped = FILE.replace("0.1,b1", "0.x,b1").replace("0.2,b2", "0.1,b2").replace("0.x", "0.2")
        done = await sent(api, swapped.replace("6230", "").replace("t,word", "t,other"))
        assert (done.status, done.json["changed"]) == (200, 2), done.text
        found = {bmc["name"]: bmc for bmc in await listed(api, "bmcs")}
        assert {name: bmc["id"] for name, bmc in found.items()} == ids
        assert found["b1"]["address"] == "10.9.0.2"
        assert await password_of(api, ids["b1"]) == "s3cret,other"
        done = await sent(api, "name,driver,address,user\nb1,ipmitool,10.9.0.2,you\n")
        assert (done.status, done.json["changed"]) == (200, 1)
        assert await password_of(api, ids["b1"]) == "s3cret,other"
        await sent(api, MACHINES, noun="machines")
        await sent(api, FILE.replace("b2", "b3").replace("0.2", "0.3").replace("0.1,b1", "0.2,b1"))
        done = await sent(api, "name,bmc\nm2,b3\n", noun="machines")
        assert (done.status, done.json["changed"]) == (200, 1)


async def test_bmcs_with_redfish_are_imported_with_what_they_are_known_by(database_dsn):
    async with api_process(database_dsn) as api:
        file = (
            "name,driver,address,user,password,port,system,certificate_sha256,certificate_name\n"
            f"b1,redfish,10.9.0.1,me,word,,Node 1,{'AB' * 32},\n"
            "b2,redfish,10.9.0.2,me,word,8443,,,b2.test\n"
            "b3,ipmi,10.9.0.3,me,word,,,,\n"
        )
        assert (await sent(api, file)).json["new"] == 3
        assert (await sent(api, file)).json["same"] == 3
        names = ("port", "system", "certificate_sha256", "certificate_name")
        assert [[bmc[name] for name in names] for bmc in await listed(api, "bmcs")] == [
            [443, "Node 1", "ab" * 32, None],
            [8443, None, None, "b2.test"],
            [623, None, None, None],
        ]
        changed = await sent(api, file.replace("Node 1", ""))
        assert (changed.status, changed.json["changed"]) == (200, 1)
        assert (await listed(api, "bmcs"))[0]["system"] is None
        wrong = await sent(api, file.replace("AB" * 32, "AB"))
        assert [error["field"] for error in wrong.json["errors"]] == ["certificate_sha256"]


async def test_all_that_is_wrong_is_told_with_its_line_and_nothing_is_imported(database_dsn):
    async with api_process(database_dsn) as api:
        wrong = (
            "name,driver,address,user,password,port,cipher_suite\n"
            "b1,ipmitool,10.9.0.1,me,word,,\n"
            f'b2,telnet,"{HIDDEN}",me,word,x,5\n'
            "b 3,ipmitool,10.9.0.3,me,word,,\n"
            "b4,ipmitool,10.9.0.1,me,word,,\n"
            f'b5,ipmitool,10.9.0.5,me,"{HIDDEN * 2}",,\n'
            "b6,ipmitool,hidden1,me,word,,\n"
        )
        answer = await sent(api, wrong)
        assert (answer.status, answer.json["code"]) == (422, "FieldsRefused")
        places = [(error["line"], error["field"]) for error in answer.json["errors"]]
        assert places == [
            *((3, column) for column in ("driver", "address", "port", "cipher_suite")),
            (4, "name"),
            (5, "address"),
            (6, "password"),
            (7, "address"),
        ]
        assert "a host name needs its domain" in answer.json["errors"][-1]["detail"]
        assert "hidden1" not in answer.text
        assert HIDDEN not in answer.text
        assert await listed(api, "bmcs") == []
        answer = await sent(api, "name,bmc\nm1,b1\nm2,b2\n", noun="machines")
        assert [error["line"] for error in answer.json["errors"]] == [2, 3]


async def test_a_password_with_a_dot_in_the_column_of_addresses_is_not_shown(database_dsn):
    async with api_process(database_dsn) as api:
        await sent(api, FILE)
        mixed = "name,driver,address,user\nb1,ipmitool,hunter2.secret,me\n"
        answer = await sent(api, mixed)
        assert [error["field"] for error in answer.json["errors"]] == ["password"]
        assert "its address is 10.9.0.1 no more" in answer.text
        assert "hunter2" not in answer.text


async def test_no_answer_and_no_audit_row_shows_what_stands_in_a_file_without_header(database_dsn):
    async with api_process(database_dsn) as api:
        answer = await sent(api, f'b1,ipmitool,10.9.0.1,me,"{HIDDEN}"\n')
        assert answer.status == 422
        assert "the name in place 5 is no column" in answer.text
        assert HIDDEN not in answer.text
        await sent(api, FILE)
        audit = (await api.locally("GET", "/api/v1/audit")).text
        assert "POST /api/v1/bmcs/import" in audit
        assert HIDDEN not in audit


async def test_a_plan_that_would_not_do_the_same_any_more_is_refused(database_dsn):
    async with api_process(database_dsn) as api:
        plan = (await sent(api, FILE, "?plan=true")).json["plan"]
        await sent(api, FILE.partition("10.9.0.2")[0])
        answer = await sent(api, FILE, f"?planned={plan}")
        assert (answer.status, answer.json["code"]) == (409, "InventoryMoved")
        assert len(await listed(api, "bmcs")) == 1
