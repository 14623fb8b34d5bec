"""`evenrack rack delete`: the plan, the question, and what is asked of the region."""

import json

import pytest

from tests.cli.small_api import small_api

RACK = {
    "id": "k3f00000",
    "hostname": "rack3",
    "state": "running",
    "connections": 4,
    "processes_connected": 4,
    "processes_live": 4,
    "managed_by": "region1/1",
    "applied_generation": "1.2",
}
REMOVAL = {
    "rack": "k3f00000",
    "hostname": "rack3",
    "connected": True,
    "managed_by": "region1/1",
    "bmcs": ["b1", "b2"],
    "vlans": [{"vlan": "vlan1", "role": "primary", "then": ["rack4"]}],
    "certificates": 2,
    "hindrances": [],
    "generation": "1.12",
}
HELPED = {"object": "bmc:b1", "why": "b1 answers no other connected rack", "gone_helps": True}
NOT_HELPED = {"object": "order:7", "why": "order 7 is at SENDING on it", "gone_helps": False}
PLAN, ADDRESS = "/api/v1/racks/k3f00000/removal", "/api/v1/racks/k3f00000"


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer("/api/v1/racks", [RACK])
        api.answer(PLAN, REMOVAL)
        for query in ("", "?gone=true"):
            api.answer(f"{ADDRESS}{query}", REMOVAL, method="DELETE")
        yield api


def test_the_plan_is_shown_and_nothing_is_deleted(api, call):
    code, printed, told = call("rack", "delete", "rack3", "--plan")
    assert (code, told, api.changes) == (0, "", [])
    for words in ("rack3 (k3f00000)", "b1, b2", "it is primary; afterwards: rack4", "2 revoked"):
        assert words in printed
    code, printed, _ = call("rack", "delete", "rack3", "--plan", "--json")
    assert (code, json.loads(printed)) == (0, REMOVAL)


def test_without_a_terminal_nobody_is_asked_and_nothing_is_deleted(api, call):
    code, _, told = call("rack", "delete", "rack3")
    assert (code, api.changes) == (2, [])
    assert "needs --yes" in told


def test_with_yes_it_is_deleted_and_the_next_command_is_named(api, call):
    code, printed, told = call("rack", "delete", "k3f", "--yes", "--json")
    assert code == 0
    assert json.loads(printed) == REMOVAL
    assert "is deleted, and 2 certificate(s) of it revoked; next: evenrack status" in told
    assert api.changes == [("DELETE", ADDRESS, None, None)]


def test_if_the_fleet_must_not_have_moved_that_is_asked(api, call):
    assert call("rack", "delete", "rack3", "--yes", "--if-generation", "1.12")[0] == 0
    assert api.changes[0][3] == '"1.12"'


def test_every_reason_why_not_is_told_on_its_line_with_what_to_do(api, call):
    api.answer(PLAN, {**REMOVAL, "hindrances": [HELPED]})
    code, _, told = call("rack", "delete", "rack3", "--yes")
    assert (code, api.changes) == (1, [])
    assert "RackNeeded: nothing was deleted\n  b1 answers no other connected rack\n" in told
    assert "evenrack rack delete rack3 --gone --confirm=rack3" in told


def test_a_dead_rack_goes_by_its_name_typed_not_by_yes(api, call):
    api.answer(PLAN, {**REMOVAL, "hindrances": [HELPED]})
    code, _, told = call("rack", "delete", "rack3", "--gone", "--yes")
    assert (code, api.changes) == (2, [])
    assert "--confirm=rack3" in told
    code, _, told = call("rack", "delete", "rack3", "--gone", "--confirm=rack4")
    assert (code, api.changes) == (1, [])
    assert '"rack4" is not its name, rack3: nothing was deleted' in told
    assert call("rack", "delete", "rack3", "--gone", "--confirm=rack3")[0] == 0
    assert api.changes == [("DELETE", f"{ADDRESS}?gone=true", None, None)]


def test_what_gone_does_not_help_is_refused_also_then_and_gone_is_not_proposed(api, call):
    api.answer(PLAN, {**REMOVAL, "hindrances": [HELPED, NOT_HELPED]})
    code, _, told = call("rack", "delete", "rack3", "--yes")
    assert code == 1
    assert "--confirm=rack3" not in told
    code, _, told = call("rack", "delete", "rack3", "--gone", "--confirm=rack3")
    assert (code, api.changes) == (1, [])
    assert told.endswith("nothing was deleted\n  order 7 is at SENDING on it\n")
