"""`evenrack reservation import`: a plan, a question, and all or nothing; and `range set`."""

import io
import json
import sys

import pytest
from attrs import evolve
from twisted.internet.threads import deferToThread

from evenrack.cli.csv_import import LONG_LINES
from evenrack.cli.main import run
from evenrack.cli.waiting import told_while_waiting
from evenrack.model.csv_lines import MOST_BYTES
from tests.cli.inventory.inventory_answers import Keyboard
from tests.cli.small_api import problem, small_api
from tests.region.processes import eventually, fleet_on

PATH = "/api/v1/reservations/import"
PLAN = {"new": 2, "changed": 1, "same": 4, "plan": "abc", "generation": None}
DONE = {**PLAN, "generation": "1.9"}
FILE = "mac,address\n52:54:00:12:34:56,10.0.0.20\n"


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer(f"{PATH}?plan=true", PLAN, method="POST")
        api.answer(f"{PATH}?planned=abc", DONE, method="POST")
        yield api


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cards.csv"
    path.write_text(FILE)
    return str(path)


def asked(api):
    return [path for _, path, *_ in api.changes]


def test_the_plan_is_shown_first_and_then_the_same_is_imported(api, call, file):
    code, printed, told = call("reservation", "import", file, "--yes", "--json")
    assert (code, json.loads(printed)) == (0, DONE)
    assert "this is imported:\nnew: 2\nchanged: 1\nsame: 4\n" in told
    assert "reservations imported; next: evenrack reservation list" in told
    assert api.changes == [
        ("POST", f"{PATH}?plan=true", FILE, None),
        ("POST", f"{PATH}?planned=abc", FILE, None),
    ]


def test_a_plan_alone_changes_nothing_and_a_vlan_is_passed_on(api, call, file):
    api.answer(f"{PATH}?plan=true&vlan=vlan1", PLAN, method="POST")
    words = ("reservation", "import", file, "--plan", "--vlan", "vlan1")
    assert call(*words)[:2] == (0, "new: 2\nchanged: 1\nsame: 4\n")
    assert json.loads(call(*words, "--json")[1]) == PLAN
    assert asked(api) == [f"{PATH}?plan=true&vlan=vlan1"] * 2


def test_when_all_is_so_already_nobody_is_asked_and_nothing_is_sent(api, call, file):
    api.answer(f"{PATH}?plan=true", {**PLAN, "new": 0, "changed": 0}, method="POST")
    code, _, told = call("reservation", "import", file)
    assert (code, asked(api)) == (0, [f"{PATH}?plan=true"])
    assert "all is as the file says; nothing was changed" in told


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_at_a_terminal_the_operator_decides(answer, api, file, surroundings, capsys, monkeypatch):
    code = int(answer == "n\n")
    monkeypatch.setattr(sys, "stdin", Keyboard(answer))
    done = run(["reservation", "import", file], evolve(surroundings, terminal=True))
    assert done == code
    assert len(asked(api)) == 2 - code
    assert ("nothing was imported" in capsys.readouterr().err) == bool(code)


def test_without_a_terminal_and_from_standard_input_yes_is_needed(api, call, file, monkeypatch):
    assert call("reservation", "import", file)[0] == 2
    assert asked(api) == [f"{PATH}?plan=true"]
    assert call("reservation", "import", "-")[0] == 2

    class Piped:
        buffer = io.BytesIO(FILE.encode())

    monkeypatch.setattr(sys, "stdin", Piped())
    assert call("reservation", "import", "-", "--yes")[0] == 0
    assert api.changes[-1][2] == FILE


def test_every_problem_is_on_a_line_of_its_own(api, call, file):
    errors = [{"line": n, "field": "mac", "detail": f"line {n}, mac: wrong"} for n in (2, 5)]
    refusal = problem(422, "FieldsRefused", "2 problems, see errors", count=2, errors=errors)
    api.answer(
        f"{PATH}?plan=true",
        refusal,
        method="POST",
        status=422,
        content_type="application/problem+json",
    )
    code, printed, told = call("reservation", "import", file, "--yes")
    assert (code, printed) == (1, "")
    assert told == (
        "evenrack: FieldsRefused: 2 problems\n  line 2, mac: wrong\n  line 5, mac: wrong\n"
    )


def test_a_file_that_is_too_large_or_not_there_is_not_sent(api, call, tmp_path):
    large = tmp_path / "large.csv"
    with large.open("wb") as opened:
        opened.truncate(MOST_BYTES + 1)
    code, _, told = call("reservation", "import", str(large), "--yes")
    assert (code, "over 16 MiB" in told, "100000 lines" in told) == (1, True, True)
    code, _, told = call("reservation", "import", str(tmp_path / "none"), "--yes")
    assert (code, "cannot be read: No such file" in told) == (1, True)
    assert api.changes == []


def test_a_long_import_says_what_it_does(api, call, tmp_path):
    path = tmp_path / "cards.csv"
    path.write_text("#\n" * LONG_LINES)
    _, _, told = call("reservation", "import", str(path), "--yes")
    assert f"checking {LONG_LINES} lines\n" in told
    assert f"importing {LONG_LINES} lines\n" in told


def test_a_long_wait_is_told_again_and_again_and_ends_with_it():
    said = []
    with told_while_waiting(said.append, "checking", each_seconds=0.01):
        while len(said) < 3:
            pass
    assert [words.split(" (")[0] for words in said[:3]] == ["checking"] * 3
    count = len(said)
    assert len(said) == count


RANGE = {
    "id": 6,
    "subnet": "10.0.0.0/24",
    "first": "10.0.0.100",
    "last": "10.0.0.219",
    "generation": "1.9",
}


def test_a_range_is_set_by_its_ends_or_its_id_if_it_was_not_changed(api, call):
    for name in ("10.0.0.100-10.0.0.199", "6"):
        path = f"/api/v1/ranges/{name}"
        api.answer(path, RANGE, method="PATCH")
        words = ("range", "set", name, "--last", "10.0.0.219", "--if-generation", "1.8", "--json")
        code, printed, told = call(*words)
        assert (code, json.loads(printed)) == (0, RANGE)
        assert "range changed; next: evenrack range list --subnet 10.0.0.0/24" in told
        assert api.changes[-1] == ("PATCH", path, {"last": "10.0.0.219"}, '"1.8"')
    call("range", "set", "6", "--first", "10.0.0.90")
    assert api.changes[-1][2:] == ({"first": "10.0.0.90"}, None)
    assert call("range", "set", "6")[0] == 2


@pytest.mark.postgres
@pytest.mark.deadline(120)
async def test_against_a_real_region_a_file_is_all_or_nothing_and_a_range_is_checked(
    database_dsn, surroundings, capsys, tmp_path
):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(fleet.has_leader)
        socket = str(fleet.regions["region1/1"].socket)

        async def call(*words):
            code = await deferToThread(run, ["--socket", socket, *words], surroundings)
            printed = capsys.readouterr()
            return code, printed.out, printed.err

        async def kept():
            return json.loads((await call("reservation", "list", "--json"))[1])

        for line in (
            "vlan create vlan1 --vid 1 --dhcp-on",
            "subnet create 10.0.0.0/24 --vlan vlan1 --gateway 10.0.0.1",
            "range create 10.0.0.100 10.0.0.199",
        ):
            assert (await call(*line.split()))[0] == 0
        path = tmp_path / "cards.csv"
        path.write_text(
            "mac,address\n52:54:00:00:00:01,10.0.0.11\n52:54:00:00:00:02,10.0.0.150\nx,10.0.0.12\n"
        )
        code, _, told = await call("reservation", "import", str(path), "--yes")
        assert (code, await kept()) == (1, [])
        assert told.startswith("evenrack: FieldsRefused: 2 problems\n  line 3, address: ")
        assert "line 4, mac: " in told
        path.write_text("mac,address\n52:54:00:00:00:01,10.0.0.11\n")
        for new in (1, 0):
            code, _, told = await call("reservation", "import", str(path), "--yes")
            assert (code, f"new: {new}\n" in told) == (0, True)
        (one,) = await kept()
        assert one["address"] == "10.0.0.11"
        name = "10.0.0.100-10.0.0.199"
        code, _, told = await call("range", "set", name, "--first", "10.0.0.11")
        assert (code, "the address is inside the range" in told) == (1, True)
        code, printed, _ = await call("range", "set", name, "--first", "10.0.0.12", "--json")
        assert (code, json.loads(printed)["first"]) == (0, "10.0.0.12")
