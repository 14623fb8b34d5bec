"""`evenrack balance plan`: a dry run, as a table or as JSON."""

import json

import pytest

from tests.cli.small_api import small_api

PLAN = "/api/v1/balance/plan"
MOVE = {
    "what": "managing",
    "item": "rack0001",
    "name": "rack1",
    "from": "region1/1",
    "to": "region2/1",
    "forced": True,
    "reason": "region1/1 is gone",
}
NOTHING = {"moves": [], "nobody": [], "held": False}


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as answers:
        yield answers


def test_what_would_move_and_what_would_have_nobody_is_shown_and_nothing_changed(api, call):
    alone = {"object": "rack:rack0002", "why": "rack2 is connected to region1/1 only"}
    plan = {"moves": [MOVE], "nobody": [alone], "held": False}
    api.answer(f"{PLAN}?without=process%3Aregion1%2F1&without=rack%3Arack+9", plan)
    asked = ("balance", "plan", "--without", "process:region1/1", "--without", "rack:rack 9")
    code, printed, said = call(*asked)
    assert (code, said) == (0, "")
    assert printed == (
        "would move:\n"
        "  what      item   from       to         why it may  reason\n"
        "  managing  rack1  region1/1  region2/1  forced      region1/1 is gone\n"
        "\n"
        "would have nobody:\n"
        "  object         why\n"
        "  rack:rack0002  rack2 is connected to region1/1 only\n"
    )
    assert json.loads(call(*asked, "--json")[1]) == plan
    assert api.changes == []


def test_that_nothing_would_move_is_said(api, call):
    api.answer(PLAN, NOTHING)
    assert call("balance", "plan") == (0, "would move: nothing\n", "")


def test_that_the_balance_is_held_is_said(api, call):
    api.answer(PLAN, {**NOTHING, "held": True})
    code, printed, _ = call("balance", "plan")
    assert code == 0
    assert "the balance is held: voluntary moves are left out, see `evenrack problems`" in printed


def test_a_part_that_there_is_not_is_1_with_what_there_is(api, call):
    detail = 'without: no rack is called "rack9"; there are: rack1'
    api.refuse(f"{PLAN}?without=rack%3Arack9", 404, "NotFound", detail)
    code, printed, said = call("balance", "plan", "--without", "rack:rack9")
    assert (code, printed, said) == (1, "", f"evenrack: NotFound: {detail}\n")


@pytest.mark.parametrize("part", ["rack1", "rack:", "vlan:1", "", ":rack1"])
def test_what_names_no_kind_of_part_is_wrong_usage_and_nobody_is_asked(api, call, part):
    code, _, said = call("balance", "plan", "--without", part)
    assert (code, "is none of rack:NAME, process:NAME, region:NAME" in said) == (2, True)
    assert api.asked == []
