"""The commands of snippets, against a small real server."""

import json

import pytest

from tests.cli.small_api import small_api

SNIPPET = {
    "id": 7,
    "name": "phones",
    "level": "pool",
    "of": "10.0.0.0/24",
    "enabled": True,
    "text": 'allow members of "phones";\n# \x1b[2J\n',
    "generation": "1.7",
}
LIST, ONE = "/api/v1/snippets", "/api/v1/snippets/phones"


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer(LIST, SNIPPET, method="POST", status=201)
        for method in ("GET", "PATCH", "DELETE"):
            api.answer(ONE, SNIPPET, method=method)
        for query in ("", "vlan=vlan1&", "subnet=10.0.0.0%2F24&"):
            page = {"snippets": [SNIPPET], "next": None}
            api.answer(f"{LIST}?{query}after=0&limit=1000", page)
        yield api


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "phones.conf"
    path.write_text("a;\nb;\n")
    return str(path)


PLACES = [
    ([], {}),
    (["--vlan", "vlan1"], {"level": "vlan", "of": "vlan1"}),
    (["--subnet", "10.0.0.0/24"], {"level": "subnet", "of": "10.0.0.0/24"}),
    (["--pool", "10.0.0.0/24"], {"level": "pool", "of": "10.0.0.0/24"}),
    (["--host", "10.0.0.3"], {"level": "host", "of": "10.0.0.3"}),
]


@pytest.mark.parametrize(("place", "fields"), PLACES)
def test_one_is_created_for_what_is_said(api, call, place, fields):
    code, printed, told = call("snippet", "create", "phones", "--text", "a;", *place)
    body = {"name": "phones", "text": "a;", **fields}
    assert (code, api.changes) == (0, [("POST", LIST, body, None)])
    assert "id: 7\n" in printed
    assert "snippet created; next: evenrack problems" in told


def test_its_text_may_be_in_a_file_and_it_may_stand_nowhere_yet(api, call, file):
    api.answer(LIST, {**SNIPPET, "enabled": False}, method="POST", status=201)
    code, printed, told = call("snippet", "create", "phones", "--file", file, "--disable", "--json")
    body = {"name": "phones", "text": "a;\nb;\n", "enabled": False}
    assert (code, api.changes) == (0, [("POST", LIST, body, None)])
    assert json.loads(printed) == {**SNIPPET, "enabled": False}
    assert "next: evenrack snippet set phones --enable" in told


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        *((place, fields) for place, fields in PLACES if place),
        (["--global"], {"level": "global"}),
        (["--name", "b", "--enable"], {"name": "b", "enabled": True}),
        (["--text", ""], {"text": ""}),
    ],
)
def test_only_what_is_given_is_changed(api, call, words, fields):
    code, printed, told = call("snippet", "set", "phones", *words, "--json")
    assert (code, api.changes) == (0, [("PATCH", ONE, fields, None)])
    assert json.loads(printed) == SNIPPET
    assert "snippet changed; next: " in told


def test_lists_are_tables_without_texts_and_json_with_them(api, call):
    for words in ([], ["--vlan", "vlan1"], ["--subnet", "10.0.0.0/24"]):
        printed = call("snippet", "list", *words)[1]
        assert "phones" in printed
        assert "allow" not in printed
        assert json.loads(call("snippet", "list", *words, "--json")[1]) == [SNIPPET]


def test_one_is_shown_with_the_numbers_of_its_lines_and_draws_nothing_itself(api, call):
    code, printed, _ = call("snippet", "show", "phones")
    assert code == 0
    assert "of: 10.0.0.0/24\n" in printed
    assert '     1  allow members of "phones";\n     2  # \\x1b[2J\n' in printed
    assert json.loads(call("snippet", "show", "phones", "--json")[1]) == SNIPPET


def test_one_is_deleted_only_after_its_plan(api, call):
    assert call("snippet", "delete", "phones")[0] == 2
    assert call("snippet", "delete", "phones", "--plan")[0] == 0
    assert api.changes == []
    code, _, told = call("snippet", "delete", "phones", "--yes")
    assert (code, api.changes) == (0, [("DELETE", ONE, None, '"1.7"')])
    assert "snippet phones deleted; next: evenrack snippet list" in told


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["create", "x"], "give --text or --file"),
        (["create", "x", "--text", "a;", "--file", "FILE"], "both given"),
        (
            ["create", "x", "--text", "a;", "--vlan", "1", "--host", "2"],
            "not for --vlan and --host",
        ),
        (["create", "x", "--file", "FILE.none"], "No such file"),
        (["set", "phones"], "nothing to set"),
        (["set", "phones", "--global", "--pool", "1"], "not for --pool and --global"),
    ],
)
def test_wrong_usage_is_2_and_changes_nothing(api, call, file, words, problem):
    code, _, told = call("snippet", *(word.replace("FILE", file) for word in words))
    assert (code, api.changes) == (2, [])
    assert problem in told


def test_a_file_that_is_no_text_is_wrong_usage(api, call, tmp_path):
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe")
    code, _, told = call("snippet", "create", "x", "--file", str(path))
    assert (code, api.changes) == (2, [])
    assert f"{path}: it cannot be read as text" in told
