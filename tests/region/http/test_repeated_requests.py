"""Requests that come again with their key, to any process: done once, answered as they were."""

import contextlib
import json
import os
import pwd

import pytest
from twisted.internet.defer import Deferred

from evenrack.model.identifiers import ProcessId
from evenrack.region.database import (  # noqa: F401  each adds its tables to the one metadata
    balance_tables,
    change_tables,
    dhcp_tables,
    inventory_tables,
    tables,
    trust_tables,
)
from evenrack.region.database.connection_store import record_links
from evenrack.region.database.key_store import KeyReport, report_keys
from evenrack.region.database.process_store import register
from evenrack.region.http.access import READING
from evenrack.region.http.audit_data import is_secret
from evenrack.region.http.operations import DeclaredPage
from tests.region.database.sessions import facts, registration
from tests.region.http.api_process import api_process
from tests.region.http.test_access import pages_below
from tests.region.http.test_key_pages import K
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

RACKS = (
    "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
    "holds_fingerprint) SELECT 'rack000' || n, 'rack' || n, '', '', false, 0, 0, '' "
    "FROM generate_series(1, 3) AS n",
    "INSERT INTO rack_interface (rack_id, address, name) "
    "VALUES ('rack0001', '198.51.100.7/24', 'eth1')",
)
BMC = {"driver": "ipmitool", "address": "10.9.0.1", "user": "u", "password": "a secret word"}
FILES = {
    "bmcs": b"name,driver,address,user,password\nb9,ipmitool,10.9.0.9,u,another secret word\n",
    "machines": b"name,bmc\nm9,b9\n",
    "reservations": b"mac,address,hostname\n52:54:00:00:00:09,10.0.0.9,h9\n",
}


NEXT = "next"
"""Stands for the pin of the next authority."""

DEEDS = [
    ("POST", "tokens", {"name": "ci", "role": "viewer"}),
    ("POST", "vlans", {"name": "vlan1", "dhcp_on": True}),
    ("PATCH", "vlans/vlan1", {"vid": 7}),
    ("POST", "subnets", {"vlan": "vlan1", "cidr": "198.51.100.0/24"}),
    ("POST", "subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/24"}),
    ("PATCH", "subnets/1", {"gateway": "198.51.100.1"}),
    ("POST", "ranges", {"first": "10.0.0.100", "last": "10.0.0.199"}),
    ("PATCH", "ranges/1", {"last": "10.0.0.198"}),
    ("POST", "reservations", {"mac": "52:54:00:12:34:56", "address": "10.0.0.3", "hostname": "h"}),
    ("PATCH", "reservations/1", {"hostname": "g"}),
    ("POST", "bmcs", {"name": "b1", **BMC}),
    ("PATCH", "bmcs/b1", {"password": "a new secret word"}),
    ("POST", "machines", {"name": "m1", "bmc": "b1"}),
    ("PATCH", "machines/m1", {"name": "m2"}),
    ("POST", "orders", {"machines": ["m2"], "action": "cycle", "boot": "pxe"}),
    ("POST", "orders/1/cancel", {}),
    ("POST", "bmcs/import?plan=true", FILES["bmcs"]),
    *(("POST", f"{noun}/import", content) for noun, content in FILES.items()),
    (
        "POST",
        "snippets",
        {"name": "s1", "level": "vlan", "of": "vlan1", "text": "max-lease-time 60;"},
    ),
    ("PATCH", "snippets/s1", {"text": "max-lease-time 61;"}),
    ("DELETE", "snippets/s1", None),
    ("POST", "dhcp/vlan1/reconfigure", {}),
    ("POST", "dhcp/vlan1/pins", {"primary_rack": "rack1"}),
    ("POST", "dhcp/vlan1/pins", {"primary_rack": "rack1"}),
    ("POST", "balance/hold", {"reason": "work"}),
    ("DELETE", "balance/hold", None),
    ("POST", "drains/rack:rack2", {"message": "a new disk"}),
    ("DELETE", "drains/rack:rack2", None),
    ("POST", "leader/step-down", {}),
    ("POST", "racks/rack1/interfaces", {"name": "eth1", "vlan": "vlan1"}),
    ("POST", "racks/rack2/replacement", {"by": "rack3"}),
    ("DELETE", "racks/rack2?gone=true", None),
    ("POST", "authorities", {}),
    ("POST", f"authorities/{NEXT}", {"without_them": True}),
    ("POST", "authorities", {}),
    ("DELETE", f"authorities/{NEXT}", None),
    ("POST", "enrolments", {"name": "e1"}),
    ("POST", "keys/k", {}),
    ("DELETE", "certificates/rack1", None),
    ("DELETE", "tokens/ci", None),
    ("DELETE", "enrolments/e1", None),
    ("DELETE", "machines/m2", None),
    ("DELETE", "bmcs/b1", None),
    ("DELETE", "reservations/1", None),
    ("DELETE", "ranges/1", None),
    ("DELETE", "subnets/1", None),
    ("POST", "vlans", {"name": "vlan2"}),
    ("DELETE", "vlans/vlan2", None),
]
"""Every change that the API knows, one after the other where each can be made."""

SECRET = {("POST", "/api/v1/tokens"), ("POST", "/api/v1/enrolments")}
ELSEWHERE = {("POST", "/api/v1/dhcp/*/partner-down")}
"""It needs a pair that has lost a server (`test_partner_down`)."""


def _joined(connection, process):
    me = register(connection, registration(process))
    report = KeyReport(known={"k": K.fingerprint}, encrypting=K.fingerprint)
    report_keys(connection, process, me.incarnation, report)
    return me


@contextlib.asynccontextmanager
async def two_processes(dsn):
    """Two processes of one cluster, one of which leads, with three racks and an authority."""
    async with api_process(dsn) as one, api_process(dsn) as two:
        for name in ("region1/1", "region1/2"):
            me = await one.database.run(lambda c, name=name: _joined(c, ProcessId(name)))
        await one.rows(
            f"UPDATE leadership SET holder_id = 'region1/2', epoch = 1, "  # noqa: S608
            f"holder_incarnation = {me.incarnation}"
        )
        for row in RACKS:
            await one.rows(row)
        link = facts("rack0003", "link", hostname="rack3")
        await one.database.run(lambda c: record_links(c, me, [link]))
        yield one, two


EVERYTHING = " UNION ALL ".join(
    f"SELECT '{table}', string_agg(t::text, E'\n' ORDER BY t::text) FROM {table} AS t"  # noqa: S608
    for table in tables.metadata.tables
    if table != "audit"
)
EVERYTHING = f"SELECT * FROM ({EVERYTHING}) AS every ORDER BY 1"  # noqa: S608
"""All rows of all tables but the audit log, where each question has one of its own."""


async def everything(api):
    return await api.rows(EVERYTHING.replace(":", r"\:"))


async def ask(api, method, path, body, key, **more):
    kind = {"Content_Type": "text/csv"} if isinstance(body, bytes) else {}
    return await api.locally(method, f"/api/v1/{path}", body, Idempotency_Key=key, **kind, **more)


async def told(api, *what):
    """Ask until it is not under way any more."""
    while True:
        answer = await ask(api, *what)
        if answer.json.get("code") != "StillUnderWay":
            return answer
        assert answer.status == 503


def seen(answer):
    return answer.status, answer.json, answer.headers["ETag"], answer.headers["Location"]


def pages(api):
    return {
        (method, path): page.operations[method]
        for path, page in pages_below(api.site.resource)
        if isinstance(page, DeclaredPage)
        for method in page.operations
        if method not in READING
    }


def declared_at(known, method, path):
    """The declared address of a request; of two that fit, the one that says more."""
    parts = f"/api/v1/{path.partition('?')[0]}".split("/")
    fitting = [
        address
        for other, address in known
        if other == method and len(address.split("/")) == len(parts)
        if all(a in {"*", b} for a, b in zip(address.split("/"), parts, strict=True))
    ]
    return method, min(fitting, key=lambda address: address.count("*"))


async def path_of(api, path):
    """The path with the pin of the next authority in it."""
    if NEXT not in path.split("/"):
        return path
    listed = (await api.locally("GET", "/api/v1/authorities")).json
    (pin,) = [each["pin"] for each in listed if each["state"] == "next"]
    return path.replace(NEXT, pin)


async def test_every_change_is_made_once_and_answered_alike_whichever_process_is_asked_again(
    database_dsn,
):
    async with two_processes(database_dsn) as (one, two):
        known = pages(one)
        missing = set(known) - ELSEWHERE
        for number, (method, place, body) in enumerate(DEEDS):
            path = await path_of(one, place)
            declared = declared_at(known, method, place)
            first = await ask(one, method, path, body, f"key-{number}")
            assert first.status in {200, 201}, (path, first.text)
            before = await everything(one)
            again = await ask(two, method, path, body, f"key-{number}")
            if declared in SECRET:
                assert (again.status, again.json["code"]) == (409, "AnswerNotKept")
            else:
                assert seen(again) == seen(first), path
            assert await everything(one) == before, path
            missing.discard(declared)
        assert missing == set()


async def test_a_change_that_two_processes_are_asked_for_at_once_is_made_once(database_dsn):
    async with api_process(database_dsn) as one, api_process(database_dsn) as two:
        waiting = [
            Deferred.fromCoroutine(told(api, "POST", "vlans", {"name": "vlan1"}, "k"))
            for api in (one, two) * 3
        ]
        answers = [seen(await each) for each in waiting]
        assert answers[0][0] == 201
        assert all(answer == answers[0] for answer in answers)
        assert await one.rows("SELECT count(*) FROM vlan") == [(1,)]


async def test_a_key_that_came_with_another_request_is_refused_whatever_the_difference(
    database_dsn,
):
    async with api_process(database_dsn) as api:
        made = await ask(api, "POST", "vlans", {"name": "vlan1", "vid": 1}, "k1")
        assert (await ask(api, "POST", "vlans", b'{"vid": 1,  "name":"vlan1"}', "k1")).status == 415
        same = await api.locally(
            "POST", "/api/v1/vlans", b'{"vid": 1,  "name":"vlan1"}', Idempotency_Key="k1"
        )
        assert seen(same) == seen(made), "blanks and order mean nothing"
        changed = await ask(api, "PATCH", "vlans/vlan1", {"vid": 2}, "k2", If_Match="*")
        assert changed.status == 200
        file = FILES["reservations"]
        assert (await ask(api, "POST", "machines/import?plan=true", b"name,bmc\n", "k3")).status
        before = await everything(api)
        for method, path, body, key, more in (
            ("POST", "vlans", {"name": "vlan2", "vid": 1}, "k1", {}),
            ("POST", "subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/24"}, "k1", {}),
            ("PATCH", "vlans/vlan1", {"vid": 3}, "k2", {"If_Match": "*"}),
            ("PATCH", "vlans/1", {"vid": 2}, "k2", {"If_Match": "*"}),
            ("PATCH", "vlans/vlan1", {"vid": 2}, "k2", {}),
            ("DELETE", "vlans/vlan1", None, "k2", {}),
            ("POST", "reservations/import?plan=true", file, "k1", {}),
        ):
            answer = await ask(api, method, path, body, key, **more)
            assert (answer.status, answer.json["code"]) == (422, "KeyReused"), path
            assert answer.json["errors"][0]["field"] == "Idempotency-Key"
        assert await everything(api) == before


async def test_a_key_belongs_to_who_asks(database_dsn):
    async with api_process(database_dsn) as api:
        tokens = [await api.token(name, "operator") for name in ("ann", "bob")]
        for name, token in zip(("vlan1", "vlan2"), tokens, strict=True):
            body = {"name": name}
            for _ in range(2):
                made = await api("POST", "/api/v1/vlans", body, token=token, Idempotency_Key="k")
                assert (made.status, made.json["name"]) == (201, name)


async def test_a_token_that_is_called_like_a_user_is_not_told_what_that_one_was(database_dsn):
    async with api_process(database_dsn) as api:
        me = pwd.getpwuid(os.getuid()).pw_name
        token = await api.token(me, "operator")
        body = {"name": "vlan1"}
        made = await ask(api, "POST", "vlans", body, "k")
        other = await api("POST", "/api/v1/vlans", body, token=token, Idempotency_Key="k")
        assert (other.status, other.json["code"]) == (422, "KeyReused")
        assert seen(await ask(api, "POST", "vlans", body, "k")) == seen(made)


async def test_a_request_that_was_refused_keeps_no_key_and_may_be_tried_again(database_dsn):
    async with api_process(database_dsn) as api:
        body = {"vlan": "vlan1", "cidr": "10.0.0.0/24"}
        assert (await ask(api, "POST", "subnets", body, "k")).status == 422
        assert (await ask(api, "DELETE", "vlans/vlan1", None, "l")).status == 404
        assert (await ask(api, "POST", "vlans", {"name": 7}, "m")).status == 422
        assert (await ask(api, "POST", "vlans", {"name": "vlan1"}, "m")).status == 201
        assert (await ask(api, "POST", "subnets", body, "k")).status == 201
        assert (await ask(api, "DELETE", "subnets/1", None, "l")).status == 200


async def test_an_answer_to_which_nothing_was_changed_is_kept_too(database_dsn):
    async with api_process(database_dsn) as api:
        assert (await ask(api, "POST", "bmcs/import", FILES["bmcs"], "k1")).status == 200
        plan = ("POST", "machines/import?plan=true", FILES["machines"], "k2")
        planned = await ask(api, *plan)
        assert planned.json["new"] == 1
        assert (await ask(api, "POST", "machines/import", FILES["machines"], "k3")).status == 200
        assert seen(await ask(api, *plan)) == seen(planned)


async def test_the_audit_log_tells_what_was_done_from_what_was_only_answered_again(database_dsn):
    async with api_process(database_dsn) as api:
        for _ in range(2):
            await ask(api, "POST", "vlans", {"name": "vlan1"}, "k")
        await eventually(lambda: not api.site._trail._waiting)
        first, again = await api.audit()
        assert (first["status"], again["status"]) == (201, 201)
        assert ("repeated" in first["data"], "repeated" in again["data"]) == (False, True)


# Secrets


async def test_no_secret_of_a_request_or_an_answer_reaches_the_database_with_its_key(database_dsn):
    async with two_processes(database_dsn) as (api, other):
        token = (await ask(api, "POST", "tokens", {"name": "t", "role": "viewer"}, "k1")).json
        assert (await ask(api, "POST", "authorities", {}, "k2")).status == 201
        await ask(
            api, "POST", await path_of(api, f"authorities/{NEXT}"), {"without_them": True}, "k3"
        )
        enrolment = (await ask(api, "POST", "enrolments", {"name": "e"}, "k4")).json
        assert (await ask(api, "POST", "bmcs", {"name": "b1", **BMC}, "k5")).status == 201
        assert (await ask(api, "POST", "bmcs/import", FILES["bmcs"], "k6")).status == 200
        everywhere = json.dumps(await everything(api))
        for secret in (
            *(token["token"], enrolment["secret"], BMC["password"], "another secret word"),
        ):
            assert secret not in everywhere
            assert secret.encode().hex() not in everywhere
        kept = dict(await api.rows("SELECT key, request FROM idempotency_key"))
        assert {key for key, mark in kept.items() if mark.startswith("keyed:k:")} == {"k5", "k6"}
        guessed = {"name": "b1", **BMC, "password": "another guess"}
        refused = await ask(other, "POST", "bmcs", guessed, "k5")
        assert (refused.status, refused.json["code"]) == (422, "KeyReused")


async def test_a_process_without_the_key_of_a_mark_says_that_another_may_know(database_dsn):
    async with api_process(database_dsn) as api:
        assert (await ask(api, "POST", "bmcs", {"name": "b1", **BMC}, "k")).status == 201
        await api.rows("UPDATE idempotency_key SET request = replace(request, ':k:', ':gone:')")
        answer = await ask(api, "POST", "bmcs", {"name": "b1", **BMC}, "k")
        assert (answer.status, answer.json["code"]) == (503, "KeyMissing")


async def test_every_operation_that_takes_or_answers_a_secret_says_so(database_dsn):
    async with api_process(database_dsn) as api:
        known = pages(api)
        answered = {where for where, each in known.items() if _names_secret(each.answer)}
        assert answered - NO_SECRETS == SECRET
        assert {where for where, each in known.items() if each.is_answered_secret} == SECRET
        for where, operation in known.items():
            fields = set() if operation.body is None else set(operation.body.fields)
            secret = {name for name in fields if is_secret(name)}
            assert secret == set(() if operation.body is None else operation.body.secret), where
        files = {where for where, each in known.items() if each.file and each.file.has_secrets}
        assert files == {("POST", "/api/v1/bmcs/import")}


NO_SECRETS = {
    ("POST", "/api/v1/keys/*"),
    *((method, f"/api/v1/authorities{one}") for method in ("POST", "DELETE") for one in ("", "/*")),
}
"""The id of a key, the pin of an authority: names that everybody may know."""


def _names_secret(schema):
    properties = schema.get("properties", {})
    of_items = [schema["items"]] if "items" in schema else []
    inner = [*properties.values(), *of_items, *schema.get("anyOf", ())]
    yes_or_no = ({"type": "boolean"}, {"const": True})
    texts = [name for name, each in properties.items() if each not in yes_or_no]
    return any(map(is_secret, texts)) or any(map(_names_secret, inner))
