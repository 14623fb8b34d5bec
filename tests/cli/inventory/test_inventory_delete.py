"""`evenrack vlan delete` and its like: nothing goes before it was shown and agreed to."""

import json

import pytest
from attrs import evolve

from evenrack.cli.main import run
from tests.cli.inventory.inventory_answers import PATHS, VLAN, Keyboard

NAMES = {
    "vlan": "vlan1",
    "subnet": "10.0.0.0/24",
    "range": "10.0.0.100-10.0.0.199",
    "reservation": "52:54:00:12:34:56",
}


@pytest.mark.parametrize("noun", PATHS)
def test_without_a_terminal_nothing_is_deleted_unless_told_yes(api, call, noun):
    code, printed, told = call(noun, "delete", NAMES[noun])
    assert (code, printed, api.changes) == (2, "", [])
    assert "needs --yes" in told
    code, printed, told = call(noun, "delete", NAMES[noun], "--yes")
    _, path, row = PATHS[noun]
    assert (code, printed) == (0, "")
    assert api.changes == [("DELETE", path, None, f'"{row["generation"]}"')]
    assert told.index("this is deleted:") < told.index("next: evenrack ")


@pytest.mark.parametrize("noun", PATHS)
def test_the_plan_alone_deletes_nothing(api, call, noun):
    row = PATHS[noun][2]
    code, printed, _ = call(noun, "delete", NAMES[noun], "--plan")
    assert (code, api.changes) == (0, [])
    assert f"id: {row['id']}\n" in printed
    planned = json.loads(call(noun, "delete", NAMES[noun], "--plan", "--json")[1])
    in_subnet = ["ranges", "reservations", "snippets"]
    inside = {"vlan": ["subnets", *in_subnet], "subnet": in_subnet}
    assert planned == {**row, "with": dict.fromkeys(inside.get(noun, []), 1)}
    assert api.changes == []


def test_the_plan_counts_what_goes_with_it(api, call):
    _, printed, told = call("vlan", "delete", "vlan1", "--yes", "--json")
    assert json.loads(printed) == VLAN
    counted = ("subnets: 1", "ranges: 1", "reservations: 1", "snippets: 1")
    for line in (*counted, "name: vlan1"):
        assert line in told


def test_the_seen_generation_can_be_named(api, call):
    call("vlan", "delete", "vlan1", "--yes", "--if-generation", "1.2")
    assert api.changes == [("DELETE", "/api/v1/vlans/vlan1", None, '"1.2"')]


@pytest.mark.parametrize("typed", ["y\n", "n\n"])
def test_on_a_terminal_the_operator_is_asked(api, surroundings, monkeypatch, capsys, typed):
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    at_terminal = evolve(surroundings, terminal=True)
    agreed = typed == "y\n"
    assert run(["vlan", "delete", "vlan1"], at_terminal) == (0 if agreed else 1)
    told = capsys.readouterr().err
    assert told.index("reservations: 1") < told.index("delete it?")
    assert len(api.changes) == agreed
    assert ("nothing was deleted" in told) == (not agreed)
