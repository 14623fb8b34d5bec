"""`rack replace`: its plan, its waiting, and how it ends."""

import json

import pytest
from attrs import evolve

from evenrack.cli.main import run
from tests.cli.conftest import Hours
from tests.cli.small_api import small_api
from tests.cli.test_drain_commands import in_turn

RACKS = [{"id": "rack0001", "hostname": "rack1"}, {"id": "rack0009", "hostname": "rack9"}]
WHERE = "/api/v1/racks/rack0001/replacement"
LOOK = f"{WHERE}?by=rack0009"
REPLACE = ("rack", "replace", "rack1", "rack9")
LOST = "rack1 is lost, and may go on serving it"


def place(number, state="moves", why=""):
    return {
        "vlan": f"vlan{number}",
        "role": "primary",
        "partner": "rack2",
        "state": state,
        "why": why,
    }


PLAN = {
    "old": "rack1",
    "new": "rack9",
    "drained": None,
    "vlans": [place(1), place(2)],
    "to_move": [{"object": "bmc:b7", "why": "b7 is owned by rack1"}],
    "hindrances": [],
    "generation": "3.7",
}
BEGUN = {
    **PLAN,
    "drained": {
        "by": "rack:rack0001",
        "message": "old",
        "who": "anna",
        "since": "2026-05-04T12:00:00.000Z",
        "deadline": None,
        "overdue": False,
        "successor": "rack0009",
    },
}
DONE = {**BEGUN, "vlans": [place(1, "done"), place(2, "done")], "to_move": []}


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as answers:
        answers.answer("/api/v1/racks", RACKS)
        answers.answer(LOOK, PLAN)
        answers.answer(WHERE, BEGUN, method="POST")
        yield answers


def test_a_plan_shows_each_place_and_what_moves_to_others_and_changes_nothing(api, call):
    code, printed, said = call(*REPLACE, "--plan")
    assert (code, said) == (0, "")
    for word in ("old: rack1", "new: rack9", "drained: no", "vlan2", "b7 is owned by rack1"):
        assert word in printed
    assert "generation: 3.7" in printed
    assert json.loads(call(*REPLACE, "--plan", "--json")[1]) == PLAN
    assert api.changes == []


def test_without_a_terminal_nobody_is_asked(api, call):
    code, _, said = call(*REPLACE)
    assert (code, "this needs --yes" in said, api.changes) == (2, True, [])


def test_it_waits_until_nothing_moves_and_names_what_is_next(api, call):
    in_turn(api, "GET", LOOK, PLAN, {**BEGUN, "vlans": DONE["vlans"]}, DONE)
    options = ("-m", "old", "--deadline", "2h", "--if-generation", "3.7", "--yes")
    code, printed, said = call(*REPLACE, *options)
    assert code == 0
    body = {"by": "rack0009", "message": "old", "deadline_seconds": 7200}
    assert api.changes == [("POST", WHERE, body, '"3.7"')]
    assert "rack9 replaces rack1, 3 to move: vlan1, vlan2, b7 is owned by rack1" in said
    assert "done" in printed
    assert "rack9 has the places of rack1; next: evenrack rack delete rack1" in said


def test_what_is_waited_for_long_is_said_once_a_minute(api, surroundings, capsys):
    mclt = {**DONE, "vlans": [place(1, "moves", "mclt is over at 4")]}
    api.answer(WHERE, mclt, method="POST")
    hour = Hours(sleeps=250)
    clocks = evolve(surroundings.clocks, seconds=lambda: hour.now, sleep=hour.sleep)
    in_turn(api, "GET", LOOK, PLAN, *[mclt] * 200, DONE)
    assert run((*REPLACE, "--yes"), evolve(surroundings, clocks=clocks)) == 0
    assert hour.now > 60
    assert capsys.readouterr().err.count("1 to move: vlan1 (mclt is over at 4)") == 2


def test_what_waits_for_somebody_ends_the_waiting_with_the_reason_and_code_1(api, call):
    moving = {**BEGUN, "vlans": [place(1, "waits", LOST), place(2, "moves", "mclt is over at 3")]}
    stuck = {**DONE, "vlans": [place(1, "waits", LOST), place(2, "done")]}
    api.answer(WHERE, {**moving, "vlans": [*moving["vlans"], place(3), place(4)]}, method="POST")
    in_turn(api, "GET", LOOK, PLAN, stuck)
    code, printed, said = call(*REPLACE, "--yes")
    assert code == 1
    assert f"5 to move: vlan1 ({LOST}), vlan2 (mclt is over at 3), vlan3, and 2 more" in said
    assert LOST in printed
    assert "1 VLAN(s) wait for what is said above" in said
    assert "To end that: evenrack rack resume rack1" in said


def test_ctrl_c_does_not_cancel_it_and_says_so(api, call):
    in_turn(api, "GET", LOOK, PLAN, BEGUN)
    code, _, said = call(*REPLACE, "--yes")
    assert code == 130
    assert "rack9 goes on replacing rack1; to end that: evenrack rack resume rack1" in said
    assert [change[0] for change in api.changes] == ["POST"]


def test_what_forbids_it_is_listed_unasked(api, call):
    found = [{"object": "vlan:vlan2", "why": "vlan2: rack9 has no address on it"}]
    api.answer(LOOK, {**PLAN, "hindrances": found})
    errors = [{"field": each["object"], "detail": each["why"]} for each in found]
    detail = "rack9 replaces nothing: vlan2: rack9 has no address on it"
    api.refuse(WHERE, 409, "CannotReplace", detail, method="POST", errors=errors)
    code, printed, said = call(*REPLACE)
    assert (code, printed) == (1, "")
    assert "forbids it" in said
    assert "evenrack: CannotReplace" in said
    assert "vlan2: rack9 has no address on it" in said


def test_a_rack_that_does_not_exist_is_refused(api, call):
    code, _, said = call("rack", "replace", "rack1", "rack8", "--yes")
    assert (code, 'no rack is called "rack8"' in said) == (1, True)
