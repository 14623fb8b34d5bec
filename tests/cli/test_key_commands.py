"""`evenrack key`: list and rotate, against a small API."""

import json

import pytest

from tests.cli.small_api import small_api

OLD = {
    "id": "old1",
    "fingerprint": "aa" * 16,
    "state": "encrypts",
    "sealed": 500,
    "processes": ["region1/1", "region2/1"],
    "missing_at": [],
}
NEW = {**OLD, "id": "new1", "fingerprint": "bb" * 16, "state": "next", "sealed": 0}
FOUND = {"keys": [OLD, NEW], "newest": "new1", "damaged": 0}
DONE = {
    "keys": [{**OLD, "state": "unused", "sealed": 0}, {**NEW, "state": "encrypts", "sealed": 500}],
    "newest": "new1",
    "damaged": 0,
}
LAST = {
    "key": "new1",
    "resealed": 0,
    "left": 0,
    "stuck": [],
    "waiting_for": [],
    "finished": True,
}
STEP = "/api/v1/keys/new1"


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as answers:
        answers.answer("/api/v1/keys", FOUND)
        yield answers


def answer_in_turn(api, *steps):
    """Answer the steps one after the other; the last of them again and again."""
    rest = list(steps)
    plain = api._server.answers

    class InTurn(dict):
        def get(self, asked, default=None):
            if asked == ("POST", STEP):
                step = rest.pop(0) if len(rest) > 1 else rest[0]
                status = step.get("status", 200)
                kind = "application/json" if status == 200 else "application/problem+json"
                return status, kind, json.dumps(step).encode()
            return super().get(asked, default)

    api._server.answers = InTurn(plain)


def step(resealed, left, **more):
    return {**LAST, "resealed": resealed, "left": left, "finished": False, **more}


def test_keys_are_listed_with_what_uses_them_and_where_they_are(api, call):
    code, printed, said = call("key", "list")
    assert (code, said) == (0, "")
    rows = [
        words for words in map(str.split, printed.splitlines()) if words[0][:3] in {"old", "new"}
    ]
    assert rows[0] == ["old1", "encrypts", "500", "2", "-", "aa" * 16]
    assert rows[1][1:4] == ["next", "0", "2"]
    assert json.loads(call("key", "list", "--json")[1]) == FOUND


def test_a_key_that_nothing_needs_any_more_is_named_as_the_one_to_take_out(api, call):
    api.answer("/api/v1/keys", DONE)
    said = call("key", "list")[2]
    assert "unused: old1; the line may go from the key file on every region host" in said


def test_where_a_key_that_is_needed_is_missing_is_told(api, call):
    lacking = {**OLD, "processes": ["region1/1"], "missing_at": ["region2/1"]}
    api.answer("/api/v1/keys", {"keys": [lacking], "newest": "old1", "damaged": 2})
    printed = call("key", "list")[1]
    assert "key old1: missing at region2/1: copy the key file there" in printed
    assert "damaged: 2 secrets" in printed


def test_the_plan_says_what_would_be_done_and_does_nothing(api, call):
    code, printed, _ = call("key", "rotate", "--plan")
    assert code == 0
    for told in ("encrypts now: old1", "will encrypt: new1", "to encrypt anew: 500"):
        assert told in printed
    assert json.loads(call("key", "rotate", "--plan", "--json")[1]) == {
        "key": "new1",
        "encrypts_now": "old1",
        "to_encrypt": 500,
        "missing_at": [],
        "to_do": True,
    }
    assert api.changes == []


def test_without_a_terminal_nobody_is_asked(api, call):
    code, _, said = call("key", "rotate")
    assert (code, "this needs --yes" in said, api.changes) == (2, True, [])


def test_it_goes_on_step_by_step_to_the_end_and_names_what_is_next(api, call):
    answer_in_turn(
        api,
        step(200, 300),
        step(200, 100),
        step(100, 0),
        step(0, 0, waiting_for=["region2/1"]),
        LAST,
    )
    code, printed, said = call("key", "rotate", "--yes")
    assert (code, printed) == (0, "key new1: encrypts; 500 sealed anew\n")
    assert "next: evenrack key list" in said
    assert api.changes == [("POST", STEP, {}, None)] * 5


def test_as_json_the_end_is_one_object(api, call):
    answer_in_turn(api, step(200, 0), LAST)
    code, printed, _ = call("key", "rotate", "--yes", "--json")
    assert (code, json.loads(printed)) == (0, {**LAST, "resealed": 200})


def test_a_region_that_goes_away_in_the_middle_is_waited_for(api, call):
    away = {"status": 503, "code": "DatabaseUnreachable", "title": "away", "detail": "away"}
    unknown = {"status": 504, "code": "OutcomeUnknown", "title": "?", "detail": "perhaps"}
    answer_in_turn(api, step(200, 300), away, unknown, step(300, 0), LAST)
    code, printed, _ = call("key", "rotate", "--yes")
    assert (code, printed) == (0, "key new1: encrypts; 500 sealed anew\n")


def test_a_process_that_lacks_the_key_ends_it_with_its_name(api, call):
    detail = 'key "new1" is not in the key file of region2/1: copy the file'
    api.refuse(STEP, 409, "KeyNotEverywhere", detail, method="POST")
    code, _, said = call("key", "rotate", "--yes")
    assert (code, len(api.changes)) == (1, 1)
    assert "KeyNotEverywhere" in said
    assert detail in said


def test_what_did_not_open_is_told_and_the_exit_code_says_so(api, call):
    stuck = [{"place": "bmc 7, password", "why": "set it anew"}]
    answer_in_turn(api, {**LAST, "left": 1, "stuck": stuck})
    code, printed, _ = call("key", "rotate", "--yes")
    assert code == 1
    assert "bmc 7, password: left as it is: set it anew" in printed


def test_a_process_that_never_notices_is_named_in_the_end(api, call, surroundings):
    answer_in_turn(api, step(0, 0, waiting_for=["region2/1"]))
    hours = surroundings.clocks.sleep.__self__
    hours.sleeps_left = 1000
    code, printed, said = call("key", "rotate", "--yes")
    assert (code, printed) == (1, "key new1: not yet: waiting for region2/1; run it again\n")
    assert said.count("waiting for region2/1") >= 2, "every 5 s"
    assert hours.now < 20


def test_progress_is_told_while_it_lasts(api, call, surroundings):
    hours = surroundings.clocks.sleep.__self__
    hours.sleeps_left = 1000
    waits = [step(0, 300)] * 40
    answer_in_turn(api, step(200, 300), *waits, step(300, 0), LAST)
    said = call("key", "rotate", "--yes")[2]
    assert "200 of 500" in said


def test_when_the_newest_key_encrypts_everything_it_says_how_to_get_another(api, call):
    api.answer("/api/v1/keys", DONE)
    code, _, said = call("key", "rotate", "--yes")
    assert (code, api.changes) == (0, [])
    assert "nothing to do; for a new key, on a region host: evenrack-regiond add-key" in said


def test_without_any_key_it_says_what_to_do(api, call):
    api.answer("/api/v1/keys", {"keys": [], "newest": None, "damaged": 0})
    code, _, said = call("key", "rotate", "--yes")
    assert (code, "no key file" in said) == (1, True)
    assert "run `evenrack-regiond init`" in call("key", "list")[1]
