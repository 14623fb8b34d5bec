"""`evenrack token` and `evenrack audit`, against a small real server on a Unix socket."""

import json

import pytest

from tests.cli.small_api import small_api

TOKEN = {
    "name": "ci",
    "role": "viewer",
    "state": "good",
    "created_by": "root",
    "created_at": "2026-01-01T00:00:00.000Z",
    "expires_at": "2026-04-01T00:00:00.000Z",
    "revoked_at": None,
}
SHOWN_ONCE = "evr_" + "x" * 43
ROW = {
    "id": 3,
    "at": "2026-01-01T00:00:00.000Z",
    "who": "ci",
    "role": "operator",
    "source": "10.0.0.7:41234",
    "deed": "PATCH /api/v1/vlans/3",
    "status": 200,
    "data": {"vid": 7},
}


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer("/api/v1/tokens", {**TOKEN, "token": SHOWN_ONCE}, method="POST", status=201)
        api.answer("/api/v1/tokens", [TOKEN])
        api.answer("/api/v1/tokens/ci", {**TOKEN, "state": "revoked"}, method="DELETE")
        yield api


def test_a_new_token_alone_is_on_standard_output(api, call):
    code, printed, told = call("token", "create", "ci", "--role", "viewer")
    assert (code, printed) == (0, f"{SHOWN_ONCE}\n")
    assert "shown only now" in told
    assert SHOWN_ONCE not in told
    ((method, path, body, _),) = api.changes
    assert (method, path) == ("POST", "/api/v1/tokens")
    assert body == {"name": "ci", "role": "viewer", "days": 90}


def test_a_new_token_as_json_has_its_role_and_its_end(api, call):
    words = ["token", "create", "ci", "--role", "viewer", "--days", "7", "--json"]
    assert json.loads(call(*words)[1]) == {**TOKEN, "token": SHOWN_ONCE}
    assert api.changes[0][2]["days"] == 7


@pytest.mark.parametrize(
    "words",
    [
        ["token", "create", "ci"],
        ["token", "create", "ci", "--role", "root"],
        ["token", "create", "ci", "--role", "viewer", "--days", "0"],
        ["token", "create", "ci", "--role", "viewer", "--days", "367"],
        ["token", "create", "--role", "viewer"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(api, call, words):
    assert call(*words)[0] == 2
    assert api.changes == []


def test_tokens_are_listed_without_themselves(api, call):
    code, printed, _ = call("token", "list")
    assert code == 0
    for word in ("ci", "viewer", "good", "root", TOKEN["expires_at"]):
        assert word in printed
    assert json.loads(call("token", "list", "--json")[1]) == [TOKEN]
    api.answer("/api/v1/tokens", [])
    assert call("token", "list")[1] == "no tokens yet\n"


def test_a_token_is_revoked_by_its_name(api, call):
    code, printed, told = call("token", "revoke", "ci")
    assert code == 0
    assert "state: revoked" in printed
    assert told == "token ci revoked; next: evenrack audit\n"
    assert api.changes == [("DELETE", "/api/v1/tokens/ci", None, None)]


def test_the_audit_log_is_a_line_a_row(api, call):
    api.answer("/api/v1/audit?limit=5", {"audit": [ROW], "next": 3})
    code, printed, _ = call("audit", "--limit", "5")
    assert code == 0
    assert printed == (
        "2026-01-01T00:00:00.000Z  200  ci (operator)  10.0.0.7:41234  "
        'PATCH /api/v1/vlans/3  {"vid": 7}\n'
    )
    assert json.loads(call("audit", "--limit", "5", "--json")[1]) == [ROW]


def test_the_audit_log_is_followed_from_where_one_stopped(api, call):
    later = {**ROW, "id": 4, "data": {}}
    api.answer("/api/v1/audit?limit=100", {"audit": [ROW], "next": 3})
    api.answer("/api/v1/audit?after=3&limit=500", {"audit": [later], "next": 4})
    api.answer("/api/v1/audit?after=4&limit=500", {"audit": [], "next": 4})
    code, printed, _ = call("audit", "--follow", "--json")
    assert code == 130
    assert [json.loads(line)["id"] for line in printed.splitlines()] == [3, 4]


def test_a_hostile_row_draws_no_lines_of_its_own(api, call):
    row = {**ROW, "who": "ci", "data": {"name": "\x1b[2J\n2026 forged"}}
    api.answer("/api/v1/audit?limit=100", {"audit": [row], "next": 3})
    printed = call("audit")[1]
    assert len(printed.splitlines()) == 1
    assert "\x1b" not in printed


def test_not_allowed_is_4_for_both_reasons(api, call):
    for status, code in ((401, "NotAuthenticated"), (403, "NotAllowed")):
        api.refuse("/api/v1/tokens", status, code, "no")
        assert call("token", "list")[0] == 4
