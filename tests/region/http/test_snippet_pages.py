"""Snippets over HTTP: real requests to a real region process, which has a real PostgreSQL."""

import pytest

from evenrack.model.snippet_rules import MOST_TEXT_BYTES
from tests.region.http.api_process import api_process
from tests.region.http.inventory_api import served

pytestmark = pytest.mark.postgres

PATH = "/api/v1/snippets"
TEXT = 'option domain-name "a";\n'
MAC = "52:54:00:12:34:56"


async def test_a_snippet_has_the_keys_that_programs_rely_on(database_dsn):
    async with served(database_dsn) as api:
        made = await api("POST", PATH, {"name": "one", "text": TEXT})
        assert made.status == 201
        assert made.headers["Location"] == f"{PATH}/{made.json['id']}"
        assert made.json == {
            "id": made.json["id"],
            "name": "one",
            "level": "global",
            "of": None,
            "enabled": True,
            "text": TEXT,
            "generation": made.json["generation"],
        }
        for name in ("one", made.json["id"]):
            shown = await api("GET", f"{PATH}/{name}")
            assert (shown.json, shown.headers["ETag"]) == (
                made.json,
                f'"{made.json["generation"]}"',
            )
        assert (await api("GET", f"{PATH}/two")).status == 404


async def test_lists_are_narrowed_by_what_the_snippets_are_for(database_dsn):
    async with served(database_dsn) as api:
        for name, level, of in (
            ("a", "global", None),
            ("b", "vlan", "vlan1"),
            ("c", "host", MAC),
            ("d", "vlan", "vlan2"),
        ):
            body = {"name": name, "level": level, "of": of, "text": TEXT}
            assert (await api("POST", PATH, body)).status == 201

        async def names(query):
            return [it["name"] for it in (await api("GET", f"{PATH}?{query}")).json["snippets"]]

        assert await names("") == ["a", "b", "c", "d"]
        assert await names("vlan=vlan1") == ["b", "c"]
        assert await names("subnet=10.0.0.0%2F24") == ["c"]
        assert await names("limit=1&vlan=vlan2") == ["d"]
        assert (await api("GET", f"{PATH}?vlan=none")).status == 400
        assert (await api("GET", f"{PATH}?limit=2")).json["next"] is not None


async def test_a_change_is_of_what_was_seen(database_dsn):
    async with served(database_dsn) as api:
        seen = (await api("POST", PATH, {"name": "one", "text": TEXT})).json
        body = {"enabled": False, "level": "subnet", "of": "10.0.0.0/24"}
        changed = await api("PATCH", f"{PATH}/one", body, If_Match=f'"{seen["generation"]}"')
        assert changed.status == 200
        assert changed.json == {
            **seen,
            **body,
            "generation": changed.json["generation"],
        }
        for method, body in (("PATCH", {"text": "x;"}), ("DELETE", None)):
            late = await api(method, f"{PATH}/one", body, If_Match=f'"{seen["generation"]}"')
            assert (late.status, late.json["present"]) == (412, changed.json)
        gone = await api("DELETE", f"{PATH}/one")
        assert (gone.status, gone.json) == (200, changed.json)
        assert (await api("GET", PATH)).json == {"snippets": [], "next": None}


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"text": "}"}, "text", "snippet x: line 1: this } would close what the snippet stands in"),
        ({"text": "a\0b;"}, "text", "NUL"),
        ({"text": "x" * (MOST_TEXT_BYTES + 1)}, "text", "more than 4,000 characters"),
        ({"text": 7}, "text", "must be text, not a number"),
        ({"text": TEXT, "level": "rack"}, "level", "must be global, vlan, subnet, pool, host"),
        ({"text": TEXT, "level": "vlan"}, "of", "say for which vlan"),
        ({"text": TEXT, "level": "vlan", "of": "none"}, "of", "there are: vlan1, vlan2"),
        ({"text": TEXT, "name": "1"}, "name", "name it snippet1"),
        ({"text": TEXT, "enabled": "no"}, "enabled", "must be true or false"),
        ({"text": TEXT, "vlan": "vlan1"}, "vlan", "unknown"),
        ({}, "text", "missing"),
    ],
    ids=range(11),
)
async def test_what_is_refused_names_the_field_and_changes_nothing(
    database_dsn, body, field, detail
):
    async with served(database_dsn) as api:
        refused = await api("POST", PATH, {"name": "x", **body})
        assert refused.status == 422, refused.json
        [error] = refused.json["errors"]
        assert error["field"] == field
        assert detail in error["detail"]
        assert (await api("GET", PATH)).json["snippets"] == []


async def test_only_administrators_write_snippets_and_the_audit_log_has_who_and_what(database_dsn):
    async with api_process(database_dsn) as api:
        body = {"name": "n" * 63, "text": "#" + '"' * 998 + "\n" + '#"\n' * 998 + "a;\n\n\n\n"}
        assert len(body["text"]) == MOST_TEXT_BYTES
        for role in ("viewer", "operator"):
            token = await api.token(role, role)
            refused = await api("POST", PATH, body, token=token)
            assert refused.status == 403
            assert (await api("GET", PATH, token=token)).json["snippets"] == []
        token = await api.token("chief", "admin")
        assert (await api("POST", PATH, body, token=token)).status == 201
        [written] = [it for it in await api.audit() if it["who"] == "chief"]
        assert (written["deed"], written["status"]) == (f"POST {PATH}", 201)
        assert written["data"] == body
