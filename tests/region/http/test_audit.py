"""The audit log: every change that was asked for, whoever asked and whatever came of it."""

import getpass
import json

import psycopg2
import pytest
from attrs import evolve
from twisted.internet.threads import deferToThread

from evenrack.region.http.audit_trail import STRANGERS
from evenrack.region.http.rate_limit import Rate, RateLimit
from tests.region.http.api_process import api_process
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

BMC = {"name": "b1", "driver": "ipmitool", "address": "10.9.0.1", "user": "admin"}
SESAME = "SESAME-open"


async def audited(api, count):
    """The rows, once there are so many."""

    async def enough():
        rows = await api.audit()
        return rows if len(rows) >= count else None

    rows = await eventually(enough)
    assert len(rows) == count
    return rows


def seen(row):
    return (row["who"], row["role"], row["deed"], row["status"])


async def test_a_change_is_a_row_with_who_when_what_and_from_where(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("ci", "operator")
        assert (await api("POST", "/api/v1/vlans", {"name": "v1"}, token=token)).status == 201
        made, row = await audited(api, 2)
        user = getpass.getuser()
        assert seen(made) == (user, "admin", "POST /api/v1/tokens", 201)
        assert made["source"] == "unix socket"
        assert made["data"] == {"name": "ci", "role": "operator", "days": 90}
        assert set(row) == {"id", "at", "who", "role", "source", "deed", "status", "data"}
        assert seen(row) == ("ci", "operator", "POST /api/v1/vlans", 201)
        assert row["data"] == {"name": "v1"}
        host, _, port = row["source"].rpartition(":")
        assert (host, port.isdigit()) == ("127.0.0.1", True)


async def test_what_only_looks_leaves_no_row(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("ci")
        for method in ("GET", "HEAD"):
            await api(method, "/api/v1/vlans", token=token)
            await api(method, "/api/v1/vlans")
        await audited(api, 1)


async def test_a_refused_change_is_a_row_too_whatever_the_reason(database_dsn):
    async with api_process(database_dsn) as api:
        viewer, admin = [await api.token(role, role) for role in ("viewer", "admin")]
        await api.locally("POST", "/api/v1/vlans", {"name": "v1"})
        asked = [
            ("POST", "/api/v1/vlans", {"name": "v2"}, None, 401, "nobody"),
            ("POST", "/api/v1/vlans", {"name": "v2"}, viewer, 403, "viewer"),
            ("POST", "/api/v1/vlans", {"name": "v1"}, admin, 422, "admin"),
            ("POST", "/api/v1/vlans", b"{", admin, 400, "admin"),
            ("PATCH", "/api/v1/vlans/none", {"vid": 1}, admin, 404, "admin"),
            ("DELETE", "/api/v1/status", None, admin, 405, "admin"),
            ("POST", "/api/v1/tokens", {"name": "viewer", "role": "viewer"}, admin, 409, "admin"),
            ("BREW", "/nowhere", None, admin, 404, "admin"),
            ("DELETE", "/api/v1/enrolments/none", None, admin, 404, "admin"),
            ("DELETE", "/api/v1/certificates/none", None, admin, 404, "admin"),
            ("DELETE", "/api/v1/tokens/none", None, admin, 404, "admin"),
        ]
        for number, (method, path, body, token, status, who) in enumerate(asked, start=4):
            assert (await api(method, path, body, token=token)).status == status
            row = (await audited(api, number))[-1]
            assert (row["who"], row["deed"], row["status"]) == (who, f"{method} {path}", status)
        condition = await api.locally("PATCH", "/api/v1/vlans/v1", {"vid": 1}, If_Match='"1.999"')
        assert condition.status == 412
        assert (await audited(api, 15))[-1]["status"] == 412


async def test_a_stranger_s_body_is_not_kept_and_no_secret_of_anybody_s(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("ci", "operator")
        body = {**BMC, "password": SESAME}
        assert (await api("POST", "/api/v1/bmcs", body, token=token)).status == 201
        wrong = {**BMC, "name": "b2", "pasword": SESAME}
        assert (await api("POST", "/api/v1/bmcs", wrong, token=token)).status == 422
        await audited(api, 3)  # its row comes after the answer
        assert (await api("POST", "/api/v1/bmcs", body)).status == 401
        _, done, refused, stranger = await audited(api, 4)
        assert done["data"] == {**BMC, "password": "(hidden)"}
        assert refused["data"] == {**BMC, "name": "b2", "pasword": "(hidden)"}
        assert stranger["data"] == {}
        assert SESAME not in json.dumps(await api.audit())


async def test_a_row_is_written_in_the_transaction_of_its_change(database_dsn):
    async with api_process(database_dsn) as api:
        await api.rows(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE lock_not_available; END'"
        )
        await api.rows(
            "CREATE TRIGGER refuse BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        try:
            answer = await api.locally("POST", "/api/v1/vlans", {"name": "v1"})
            assert answer.status == 503
            assert await api.rows("SELECT 1 FROM vlan") == []
        finally:
            await api.rows("DROP FUNCTION refuse CASCADE")


async def test_a_row_that_is_lost_is_logged(own_migrated_server, log):
    server, dsn = own_migrated_server
    async with api_process(dsn) as api:
        await api.token("ci")
        await deferToThread(server.stop, "immediate")
        answer = await api.locally("POST", "/api/v1/vlans", {"name": "v1"})
        assert answer.status == 503
        await eventually(lambda: log.about("a row of the audit log was lost", level="error"))
        (line,) = log.about("a row of the audit log was lost")
        assert f"POST /api/v1/vlans of {getpass.getuser()} from unix socket, answered 503" in line
        await deferToThread(server.start)


async def test_a_change_whose_asker_hangs_up_has_its_row_all_the_same(database_dsn):
    import socket

    async with api_process(database_dsn) as api:
        blocker = psycopg2.connect(database_dsn)
        with blocker.cursor() as cursor:
            cursor.execute("LOCK TABLE vlan IN SHARE MODE")
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(api.socket))
            rude.sendall(
                b"POST /api/v1/vlans HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b'Content-Length: 13\r\n\r\n{"name":"v1"}'
            )

            async def waits():
                return await api.rows(
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                )

            await eventually(waits)
        (row,) = await audited(api, 1)
        assert (row["deed"], row["status"]) == ("POST /api/v1/vlans", 499)
        blocker.close()


NO_MORE = evolve(STRANGERS, per_second=0.001)
"""No further row is due while a busy machine takes its time."""


async def test_strangers_cannot_fill_the_log(database_dsn):
    async with api_process(database_dsn) as api:
        api.site._trail._strangers = RateLimit(NO_MORE)
        for number in range(60):
            await api("POST", f"/nowhere/{number}")
        await eventually(lambda: not api.site._trail._waiting)
        rows = [row for row in await api.audit() if row["who"] == "nobody"]
        assert len(rows) == STRANGERS.burst
        api.site._trail._strangers = RateLimit(STRANGERS)  # as if a minute had gone by
        await api("POST", "/nowhere/last")

        async def last():
            return [row for row in await api.audit() if row["deed"].endswith("/last")]

        (row,) = await eventually(last)
        assert row["data"]["rows_left_out_before"] == 60 - STRANGERS.burst


async def test_who_asks_too_often_is_named_and_cannot_fill_the_log_either(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("loud", "operator")
        api.site._gate._requests = RateLimit(Rate(per_second=0.001, burst=1))
        api.site._trail._strangers = RateLimit(NO_MORE)
        for _ in range(50):
            await api("POST", "/api/v1/vlans", {}, token=token)
        await eventually(lambda: not api.site._trail._waiting)
        rows = [row for row in await api.audit() if row["status"] == 429]
        assert {row["who"] for row in rows} == {"loud"}
        assert len(rows) == STRANGERS.burst


async def test_the_log_is_read_in_pages_that_go_on_where_the_last_ended(database_dsn):
    async with api_process(database_dsn) as api:
        for number in range(5):
            await api.locally("POST", "/api/v1/vlans", {"name": f"v{number}"})
        newest = (await api.locally("GET", "/api/v1/audit?limit=2")).json
        assert [row["data"]["name"] for row in newest["audit"]] == ["v3", "v4"]
        found, after = [], 0
        while (page := (await api.locally("GET", f"/api/v1/audit?after={after}&limit=2")).json)[
            "audit"
        ]:
            found += page["audit"]
            after = page["next"]
        assert [row["data"]["name"] for row in found] == [f"v{number}" for number in range(5)]
        assert page["next"] == after
        assert (await api.locally("GET", "/api/v1/audit?limit=1001")).status == 400
        assert (await api.locally("GET", "/api/v1/audit?who=x")).status == 400


async def test_what_stands_behind_the_question_mark_is_in_the_log(database_dsn):
    async with api_process(database_dsn) as api:
        path = "/api/v1/racks/rack9?gone=true"
        assert (await api.locally("DELETE", path)).status == 404
        (row,) = await audited(api, 1)
        assert row["deed"] == "DELETE /api/v1/racks/rack9"
        assert row["data"] == {"arguments": {"gone": "true"}}


async def test_orders_know_who_ordered(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("night-shift", "operator")
        await api.locally("POST", "/api/v1/bmcs", {**BMC, "password": SESAME})
        await api.locally("POST", "/api/v1/machines", {"name": "m1", "bmc": "b1"})
        body = {"machines": ["m1"], "action": "on"}
        (order,) = (await api("POST", "/api/v1/orders", body, token=token)).json
        assert order["who"] == "night-shift"
        assert (await api("GET", f"/api/v1/orders/{order['order']}", token=token)).json["who"] == (
            "night-shift"
        )
