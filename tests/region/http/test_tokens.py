"""Tokens: real requests over TCP to a real process, each let in or not by its token and role."""

import hashlib
import re

import pytest
from twisted.web.test.requesthelper import DummyChannel

from tests.region.http.api_process import api_process
from tests.region.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

VLAN = {"name": "vlan1"}
SHOWN = {"name", "role", "state", "created_by", "created_at", "expires_at", "revoked_at"}


async def test_a_token_is_shown_once_and_only_its_hash_is_kept(database_dsn):
    async with api_process(database_dsn) as api:
        answer = await api.locally("POST", "/api/v1/tokens", {"name": "ci", "role": "viewer"})
        assert (answer.status, answer.headers["Location"]) == (201, "/api/v1/tokens/ci")
        assert answer.headers["Cache-Control"] == "no-store"
        token = answer.json["token"]
        assert re.fullmatch(r"evr_[A-Za-z0-9_-]{43}", token)
        assert set(answer.json) == SHOWN | {"token"}
        listed = await api.locally("GET", "/api/v1/tokens")
        shown = await api.locally("GET", "/api/v1/tokens/ci")
        assert listed.json == [shown.json]
        assert set(shown.json) == SHOWN
        assert token not in listed.text + shown.text
        ((row, digest),) = await api.rows("SELECT CAST(token AS text), hash FROM token")
        assert bytes(digest) == hashlib.sha256(token.encode()).digest()
        for written in (token[4:], token[4:].encode().hex()):
            assert written not in row


async def test_a_token_lives_90_days_unless_told(database_dsn):
    async with api_process(database_dsn) as api:
        await api.token("one")
        body = {"name": "two", "role": "viewer", "days": 7}
        await api.locally("POST", "/api/v1/tokens", body)
        days = await api.rows("SELECT extract(day FROM expires_at - at) FROM token ORDER BY id")
        assert [int(number) for (number,) in days] in ([90, 7], [89, 6])


async def test_without_a_token_nothing_is_answered_over_tcp_but_health(database_dsn):
    async with api_process(database_dsn) as api:
        for path in ("/healthz", "/readyz"):
            assert (await api("GET", path)).status == 200
        for method, path in (
            ("GET", "/api/v1/status"),
            ("GET", "/nowhere"),
            ("POST", "/api/v1/vlans"),
            ("POST", "/healthz"),
            ("BREW", "/api/v1/vlans"),
        ):
            answer = await api(method, path, VLAN if method == "POST" else None)
            assert (answer.status, answer.type) == (401, "application/problem+json")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.json["code"] == "NotAuthenticated"
        assert (await api.locally("GET", "/api/v1/vlans")).json["vlans"] == []


async def test_a_wrong_an_expired_and_a_revoked_token_are_refused_alike(database_dsn):
    async with api_process(database_dsn) as api:
        good, late, gone = [await api.token(name) for name in ("good", "late", "gone")]
        await api.rows("UPDATE token SET expires_at = now() WHERE name = 'late'")
        assert (await api.locally("DELETE", "/api/v1/tokens/gone")).json["state"] == "revoked"
        answers = [
            await api("GET", "/api/v1/vlans", token=token)
            for token in (late, gone, good[:-1] + ("A" if good[-1] != "A" else "B"))
        ]
        assert {answer.status for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1
        assert (await api("GET", "/api/v1/vlans", token=good)).status == 200
        states = {t["name"]: t["state"] for t in (await api.locally("GET", "/api/v1/tokens")).json}
        assert states == {"good": "good", "late": "expired", "gone": "revoked"}


@pytest.mark.parametrize("header", ["", "Bearer", "Basic {}", "{}", "Bearer {} {}", "Bearer x{}"])
async def test_what_is_no_bearer_token_is_refused(header, database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("ci")
        answer = await api("GET", "/api/v1/vlans", Authorization=header.format(token, token))
        assert answer.status == 401
        assert (await api("GET", "/api/v1/vlans", Authorization=f"bearer {token}")).status == 200


async def test_revocation_counts_at_once_on_every_process(database_dsn):
    async with api_process(database_dsn) as first, api_process(database_dsn) as second:
        token = await first.token("ci")
        for process in (first, second):
            assert (await process("GET", "/api/v1/vlans", token=token)).status == 200
        await first.locally("DELETE", "/api/v1/tokens/ci")
        for process in (first, second):
            assert (await process("GET", "/api/v1/vlans", token=token)).status == 401


async def test_each_role_may_do_what_it_says(database_dsn):
    async with api_process(database_dsn) as api:
        tokens = {role: await api.token(role, role) for role in ("viewer", "operator", "admin")}
        for method, path, body, may in (
            ("GET", "/api/v1/vlans", None, ("viewer", "operator", "admin")),
            ("POST", "/api/v1/vlans", {}, ("operator", "admin")),
            ("PATCH", "/api/v1/bmcs/b1", {}, ("operator", "admin")),
            ("POST", "/api/v1/orders", {}, ("operator", "admin")),
            ("GET", "/api/v1/tokens", None, ("admin",)),
            ("POST", "/api/v1/tokens", {}, ("admin",)),
            ("DELETE", "/api/v1/tokens/none", None, ("admin",)),
            ("GET", "/api/v1/audit", None, ("admin",)),
            ("POST", "/api/v1/enrolments", {}, ("admin",)),
        ):
            for role, token in tokens.items():
                answer = await api(method, path, body, token=token)
                assert (answer.status == 403) == (role not in may), (method, path, role)
                if role not in may:
                    assert answer.json["code"] == "NotAllowed"
                    assert f"has the role {role}, and this needs {may[0]}" in answer.json["detail"]


async def test_a_token_in_an_address_is_refused_without_an_echo(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("ci", "admin")
        for path in (
            f"/api/v1/vlans?token={token}",
            "/api/v1/vlans?access_token=anything",
            "/api/v1/vlans?TOKEN=",
            f"/api/v1/vlans?limit={token}",
            f"/api/v1/tokens/{token}",
            f"/api/v1/tokens/{token.replace('_', '%5F')}",
            f"/{token}",
        ):
            for over in ("tcp", "socket"):
                answer = await api("DELETE", path, token=token, over=over)
                assert (path, answer.status, answer.json["code"]) == (path, 400, "TokenInAddress")
                assert token[4:] not in answer.text
                assert "anything" not in answer.text
        assert (await api.locally("GET", "/api/v1/tokens/ci")).json["state"] == "good"
        rows = await eventually(lambda: _audited(api, 14))
        assert token[4:] not in str(rows)


async def _audited(api, count):
    rows = [row for row in await api.audit() if row["status"] == 400]
    return rows if len(rows) == count else None


async def test_no_log_line_shows_a_token(database_dsn, log):
    async with api_process(database_dsn) as api:
        token = await api.token("ci")
        await api("GET", f"/api/v1/vlans?token={token}", token=token)
        await api("GET", "/api/v1/vlans", token=token)
        await api("POST", "/api/v1/vlans", VLAN, token=token)
        request = api.site.requestFactory(DummyChannel(), parsePOSTFormSubmission=False)
        request.requestHeaders.addRawHeader("Authorization", f"Bearer {token}")
        assert token not in f"{request!r}{api.site!r}"
    assert log.about(token[4:]) == []


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"role": "viewer"}, "name", "is required"),
        ({"name": "ci"}, "role", "is required"),
        ({"name": "ci", "role": "root"}, "role", "must be viewer, operator, admin"),
        ({"name": "a b", "role": "viewer"}, "name", "must be 1 to 63 letters"),
        ({"name": "evr_" + "x" * 43, "role": "viewer"}, "name", "looks like a token"),
        ({"name": "ci", "role": "viewer", "days": 0}, "days", "must be 1 to 366"),
        ({"name": "ci", "role": "viewer", "days": 367}, "days", "must be 1 to 366"),
        ({"name": "ci", "role": "viewer", "token": "mine"}, "token", "unknown"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_answered_422(body, field, said, database_dsn):
    async with api_process(database_dsn) as api:
        answer = await api.locally("POST", "/api/v1/tokens", body)
        assert answer.status == 422
        ((named, sentence),) = [tuple(each.values()) for each in answer.json["errors"]]
        assert named == field
        assert said in sentence
        assert (await api.locally("GET", "/api/v1/tokens")).json == []


async def test_a_name_is_given_once_even_when_its_token_is_revoked(database_dsn):
    async with api_process(database_dsn) as api:
        await api.token("ci")
        await api.locally("DELETE", "/api/v1/tokens/ci")
        answer = await api.locally("POST", "/api/v1/tokens", {"name": "ci", "role": "admin"})
        assert (answer.status, answer.json["code"]) == (409, "TokenNameTaken")


async def test_every_token_that_is_not_revoked_is_listed_however_many_were(database_dsn, sessions):
    """The one that somebody hid behind a thousand others, too."""
    made = (
        "INSERT INTO token (who, name, role, hash, expires_at, revoked_at) SELECT 'me', "
        "'{}' || n, 'admin', sha256(('{}' || n)::bytea), now() + interval '1 day', {} "
        "FROM generate_series(1, 1100) n"
    )
    sessions.change(made.format("old", "old", "now()"))
    sessions.change(made.format("good", "good", "NULL"))
    async with api_process(database_dsn) as api:
        listed = (await api.locally("GET", "/api/v1/tokens")).json
        names = [token["name"] for token in listed]
        assert names[:1100] == [f"good{n}" for n in range(1, 1101)]
        assert names[1100:] == [f"old{n}" for n in range(101, 1101)], "the newest of the revoked"


async def test_what_is_not_there_is_404_and_revoking_twice_is_once(database_dsn):
    async with api_process(database_dsn) as api:
        for name in ("none", "%00", "a%20b", "%ff"):
            for method in ("GET", "DELETE"):
                assert (await api.locally(method, f"/api/v1/tokens/{name}")).status == 404
        await api.token("ci")
        first = await api.locally("DELETE", "/api/v1/tokens/ci")
        again = await api.locally("DELETE", "/api/v1/tokens/ci")
        assert (first.status, first.json) == (again.status, again.json) == (200, first.json)


async def test_who_made_a_token_is_kept(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("boss", "admin")
        await api("POST", "/api/v1/tokens", {"name": "ci", "role": "viewer"}, token=token)
        made_by = (await api.locally("GET", "/api/v1/tokens/ci")).json["created_by"]
        assert made_by == "boss"


async def test_on_the_socket_the_operating_system_says_who_asks(database_dsn):
    import getpass

    async with api_process(database_dsn) as api:
        await api.token("ci")
        shown = (await api.locally("GET", "/api/v1/tokens/ci")).json
        assert shown["created_by"] == getpass.getuser()
