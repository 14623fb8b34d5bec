"""`rack drain`, `region drain`, their ends, stepping down, and holding the balance."""

import json

import pytest

from tests.cli.small_api import small_api

RACKS = [{"id": "rack0001", "hostname": "rack1"}, {"id": "rack0002", "hostname": "rack2"}]
REGIONS = [
    {
        "id": "region1",
        "hostname": "region1",
        "state": "running",
        "processes": [{"id": "region1/1"}, {"id": "region1/2"}],
    }
]
WHERE = "/api/v1/drains/rack%3Arack0001"
STEP_DOWN = "/api/v1/leader/step-down"
HOLD = "/api/v1/balance/hold"
NOTHING = {
    "object": "rack:rack0001",
    "kind": "rack",
    "id": "rack0001",
    "name": "rack1",
    "drained": None,
    "to_move": [],
    "stays": [],
    "would_have_nobody": [],
}
BEGUN = {
    **NOTHING,
    "drained": {
        "by": "rack:rack0001",
        "message": "new fan",
        "who": "anna",
        "since": "2026-05-04T12:00:00.000Z",
        "deadline": "2026-05-04T14:00:00.000Z",
        "overdue": False,
    },
}


def burdens(*whys):
    return [{"object": f"bmc:{why.split()[0]}", "why": why} for why in whys]


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as answers:
        answers.answer("/api/v1/racks", RACKS)
        answers.answer("/api/v1/regions", REGIONS)
        answers.answer(WHERE, NOTHING)
        yield answers


def in_turn(api, method, path, *values):
    """Answer one after the other; the last again and again."""
    rest = list(values)
    plain = api._server.answers

    class InTurn(dict):
        def get(self, asked, default=None):
            if asked == (method, path):
                value = rest.pop(0) if len(rest) > 1 else rest[0]
                return 200, "application/json", json.dumps(value).encode()
            return super().get(asked, default)

    api._server.answers = InTurn(plain)


def test_a_plan_shows_what_would_move_and_changes_nothing(api, call):
    plan = {
        **NOTHING,
        "to_move": burdens("b7 is owned by rack1"),
        "stays": burdens("vlan3: no other rack can take the role of rack1"),
        "would_have_nobody": burdens("b9: no other connected rack reaches it"),
    }
    api.answer(WHERE, plan)
    code, printed, said = call("rack", "drain", "rack1", "--plan")
    assert (code, said) == (0, "")
    for word in ("drained: no", "moves away:", "b7 is owned by rack1", "stays:", "vlan3: no other"):
        assert word in printed
    assert "would have nobody:" in printed
    assert json.loads(call("rack", "drain", "rack1", "--plan", "--json")[1]) == plan
    assert api.changes == []


def test_without_a_terminal_nobody_is_asked(api, call):
    code, _, said = call("rack", "drain", "rack1")
    assert (code, "this needs --yes" in said, api.changes) == (2, True, [])


def test_a_drain_waits_until_everything_has_moved_and_names_what_is_next(api, call):
    three = {**BEGUN, "to_move": burdens(*(f"b{n} is owned by rack1" for n in (1, 2, 3, 4)))}
    api.answer(WHERE, three, method="POST")
    in_turn(api, "GET", WHERE, NOTHING, {**three, "to_move": three["to_move"][:1]}, BEGUN)
    options = ("-m", "new fan", "--deadline", "2h", "--yes")
    code, printed, said = call("rack", "drain", "rack1", *options)
    assert code == 0
    assert api.changes == [("POST", WHERE, {"message": "new fan", "deadline_seconds": 7200}, None)]
    assert "rack1 drains, 4 to move: b1 is owned by rack1, b2" in said
    assert "b3 is owned by rack1, and 1 more" in said
    assert "by anna since 2026-05-04T12:00:00.000Z, until" in printed
    assert "rack1 has nothing left that could move; next: evenrack rack resume rack1" in said


def test_the_line_about_it_comes_every_few_seconds_only(api, call):
    busy = {**BEGUN, "to_move": burdens("b1 is owned by rack1")}
    api.answer(WHERE, busy, method="POST")
    in_turn(api, "GET", WHERE, NOTHING, busy, BEGUN)
    code, _, said = call("rack", "drain", "rack1", "--yes")
    assert (code, said.count("rack1 drains, 1 to move")) == (0, 1)


def test_ctrl_c_does_not_cancel_the_drain_and_says_so(api, call):
    busy = {**BEGUN, "to_move": burdens("b1 is owned by rack1")}
    api.answer(WHERE, busy, method="POST")
    in_turn(api, "GET", WHERE, NOTHING, busy)
    code, _, said = call("rack", "drain", "rack1", "--yes")
    assert code == 130
    assert "rack1 goes on draining; to end that: evenrack rack resume rack1" in said
    assert [change[0] for change in api.changes] == ["POST"]


def test_a_drain_that_would_leave_something_alone_is_refused_with_the_list_unasked(api, call):
    lonely = burdens("vlan1: no other connected rack is on it", "b9: no other rack reaches it")
    api.answer(WHERE, {**NOTHING, "would_have_nobody": lonely})
    errors = [{"field": each["object"], "detail": each["why"]} for each in lonely]
    detail = "rack1 is not drained: 2 would have nobody, see errors"
    api.refuse(WHERE, 409, "WouldHaveNobody", detail, method="POST", errors=errors)
    code, printed, said = call("rack", "drain", "rack1")
    assert (code, printed) == (1, "")
    assert "evenrack: WouldHaveNobody" in said
    assert "\n  vlan1: no other connected rack is on it\n  b9: no other rack reaches it" in said


def test_a_region_host_or_a_process_is_drained_by_its_name(api, call):
    for name, what in (("region1", "region%3Aregion1"), ("region1/2", "process%3Aregion1%2F2")):
        path = f"/api/v1/drains/{what}"
        form = {**BEGUN, "kind": "region", "name": name}
        api.answer(path, form)
        api.answer(path, form, method="POST")
        code, printed, said = call("region", "drain", name, "--yes", "--json")
        assert (code, json.loads(printed)) == (0, form)
        assert f"next: evenrack region resume {name}" in said
    assert [change[2] for change in api.changes] == [{}, {}]
    code, _, said = call("region", "drain", "region9", "--yes")
    assert (code, 'no region is called "region9"' in said) == (1, True)


def test_what_is_drained_is_resumed(api, call):
    api.answer(WHERE, NOTHING, method="DELETE")
    code, printed, said = call("rack", "resume", "rack1")
    assert (code, printed) == (0, "")
    assert said == "rack1 is drained no more; next: evenrack status\n"
    path = "/api/v1/drains/process%3Aregion1%2F1"
    api.refuse(path, 409, "NotDrained", "region1/1 is not drained", method="DELETE")
    code, _, said = call("region", "resume", "region1/1")
    assert (code, said) == (1, "evenrack: NotDrained: region1/1 is not drained\n")


def test_the_leader_steps_down_and_who_leads_then_is_told(api, call):
    api.answer(STEP_DOWN, {"leader": "region1/1"}, method="POST")
    in_turn(
        api,
        *("GET", "/api/v1/status"),
        *({"leader": leader} for leader in ("region1/1", None, "region1/2")),
    )
    code, printed, said = call("region", "step-down")
    assert (code, printed) == (0, "")
    assert said == "region1/2 leads now, before it region1/1; next: evenrack status\n"
    assert api.changes == [("POST", STEP_DOWN, {}, None)]
    answered = json.loads(call("region", "step-down", "--json")[1])
    assert answered == {"before": "region1/1", "leader": "region1/2"}


def test_nobody_who_could_lead_instead_is_told(api, call):
    detail = "no other region process runs that could follow region1/1"
    api.refuse(STEP_DOWN, 409, "NobodyElseLeads", detail, method="POST")
    code, _, said = call("region", "step-down")
    assert (code, said) == (1, f"evenrack: NobodyElseLeads: {detail}\n")


def test_the_balance_is_held_and_released(api, call):
    held = {"reason": "core", "who": "anna", "since": "t0", "until": "2026-05-04T14:00:00.000Z"}
    api.answer(HOLD, {"hold": held, "breaker": None}, method="POST")
    code, printed, said = call("balance", "hold", "--for", "2h", "--reason", "core")
    assert (code, printed) == (0, "")
    assert said == "held until 2026-05-04T14:00:00.000Z; next: evenrack balance release\n"
    assert api.changes == [("POST", HOLD, {"reason": "core", "for_seconds": 7200}, None)]
    api.answer(HOLD, {"hold": {**held, "until": None}, "breaker": None}, method="POST")
    assert call("balance", "hold", "--reason", "core")[2].startswith("held; next:")
    for released, words in (
        (["hold", "breaker"], "the hold and the circuit breaker"),
        ([], "nothing, for nothing was held"),
    ):
        api.answer(HOLD, {"released": released}, method="DELETE")
        said = call("balance", "release")[2]
        assert said == f"released: {words}; next: evenrack status\n"
    assert json.loads(call("balance", "release", "--json")[1]) == {"released": []}


@pytest.mark.parametrize("span", ["2", "h", "-2h", "2 h", "0s", "367d", "1w", "1.5h", "2h30m"])
def test_what_is_no_span_of_time_is_wrong_usage(api, call, span):
    code, _, said = call("balance", "hold", "--for", span, "--reason", "core")
    assert (code, "is not a span of time such as 90s" in said) == (2, True)
    assert api.changes == []


@pytest.mark.parametrize(
    ("span", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("366d", 366 * 86400)]
)
def test_spans_of_time_are_understood(api, call, span, seconds):
    api.answer(WHERE, BEGUN, method="POST")
    assert call("rack", "drain", "rack1", "--deadline", span, "--yes")[0] == 0
    assert api.changes[0][2] == {"deadline_seconds": seconds}


def test_a_hold_without_a_reason_is_wrong_usage(api, call):
    assert call("balance", "hold")[0] == 2
    assert api.changes == []
