"""`evenrack machine power` and `evenrack order`: what is ordered, waited for and shown."""

import json

import pytest
from attrs import evolve

from evenrack.cli.main import run
from evenrack.cli.show import page_text
from evenrack.cli.show_power import orders_table, outcomes_table
from tests.cli.conftest import Hours
from tests.cli.small_api import small_api

ORDERS = "/api/v1/orders"
ROW = {
    "order": 17,
    "machine": "m1",
    "bmc": "b1",
    "action": "on",
    "boot": None,
    "who": "operator",
    "at": "2026-01-01T00:00:00Z",
    "attempt": 0,
    "rack": None,
    "phase": "NEW",
    "result": None,
    "state": "unknown",
    "seconds": 0.012,
    "error": None,
    "ended": None,
    "cancelled_by": None,
    "do": None,
    "steps": [],
}
DONE = {
    **ROW,
    "attempt": 1,
    "rack": "rack1",
    "phase": "ON_SEEN",
    "result": "ok",
    "state": "on",
    "seconds": 3.456,
}
LOOK = f"{ORDERS}?ids=17&limit=1"
KEYS = ["machine", "order", "action", "boot", "result", "state", "rack", "seconds", "error"]


def other(row):
    """The same, of another machine."""
    return {**row, "order": 18, "machine": "m2"}


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer(ORDERS, [ROW], method="POST", status=201)
        yield api


@pytest.fixture
def patient(surroundings, capsys, api):
    """Calls a command; `at` says what the API answers from which second on."""

    def call(*arguments, at=(), sleeps=100, terminal=False):
        hours = Hours(sleeps=sleeps)
        waiting = dict(at)

        def sleep(seconds):
            hours.sleep(seconds)
            for when in [w for w in waiting if w <= hours.now]:
                waiting.pop(when)()

        clocks = evolve(surroundings.clocks, seconds=lambda: hours.now, sleep=sleep)
        code = run(arguments, evolve(surroundings, clocks=clocks, terminal=terminal))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


# Ordering


def test_an_order_is_sent_once_and_what_to_do_next_is_said(api, call):
    code, printed, said = call("machine", "power", "on", "m1")
    assert (code, printed) == (0, page_text([outcomes_table([ROW])]) + "\n")
    assert said == "next: evenrack order show 17\n"
    body = {"machines": ["m1"], "action": "on"}
    assert api.changes == [("POST", ORDERS, body, None)]
    assert api.asked == []


def test_a_boot_device_is_sent_with_the_order_and_shown_with_its_action(api, call):
    row = {**ROW, "action": "cycle", "boot": "pxe"}
    api.answer(ORDERS, [row], method="POST", status=201)
    code, printed, _ = call("machine", "power", "cycle", "m1", "--boot", "pxe")
    assert (code, "cycle from pxe" in printed) == (0, True)
    assert api.changes[0][2] == {"machines": ["m1"], "action": "cycle", "boot": "pxe"}
    assert "cycle from pxe" in page_text([orders_table([row])])
    older = {key: value for key, value in ROW.items() if key != "boot"}
    assert "boot" not in page_text([orders_table([older])]), "a region of before tells of none"
    api.answer(ORDERS, [older], method="POST", status=201)
    told = call("machine", "power", "on", "m1", "--json")[1]
    assert (list(json.loads(told)[0]), json.loads(told)[0]["boot"]) == (KEYS, None)
    assert call("machine", "power", "cycle", "m1", "--boot", "usb")[0] == 2


def test_each_order_is_sent_with_a_key_of_its_own(api, call):
    for _ in range(2):
        assert call("machine", "power", "on", "m1")[0] == 0
    assert len(set(api.keys)) == 2
    assert None not in api.keys


def test_several_machines_are_ordered_together(api, call):
    api.answer(ORDERS, [ROW, other(ROW)], method="POST", status=201)
    code, printed, _ = call("machine", "power", "cycle", "m1", "m2")
    assert code == 0
    assert "m2" in printed
    assert api.changes[0][2] == {"machines": ["m1", "m2"], "action": "cycle"}


@pytest.mark.parametrize("arguments", [("on",), ("explode", "m1"), ()])
def test_an_unknown_action_or_no_machine_is_a_usage_error_and_nothing_is_sent(api, call, arguments):
    code, _, said = call("machine", "power", *arguments)
    assert (code, api.changes) == (2, [])
    assert "Usage" in said


def test_a_refused_order_is_told_with_the_order_that_runs_and_fails(api, call):
    running = [{"machine": "m1", "order": 16}]
    said = "m1 has order 16, which has not ended: evenrack order list"
    api.refuse(ORDERS, 409, "OrderUnderWay", said, method="POST", running=running)
    code, printed, error = call("machine", "power", "on", "m1", "--wait")
    assert (code, printed, error) == (1, "", f"evenrack: OrderUnderWay: {said}\n")


def test_an_order_that_may_have_been_entered_is_unknown(api, call):
    api.say_nothing(ORDERS, method="POST")
    code, printed, _ = call("machine", "power", "on", "m1", "--wait")
    assert (code, printed) == (3, "")


# Waiting


def test_wait_waits_for_the_end_and_shows_it(api, patient):
    api.answer(LOOK, [ROW])
    code, printed, said = patient(
        "machine", "power", "on", "m1", "--wait", at={1.0: lambda: api.answer(LOOK, [DONE])}
    )
    assert (code, printed) == (0, page_text([outcomes_table([DONE])]) + "\n")
    assert said == ""
    assert len(api.changes) == 1
    assert set(api.asked) == {LOOK}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (("ok", "ok"), 0),
        (("ok", "failed"), 1),
        (("unknown", "ok"), 3),
        (("failed", "unknown"), 3),
    ],
)
def test_the_exit_code_says_the_worst_of_what_came_of_it(api, patient, results, expected):
    api.answer(ORDERS, [ROW, other(ROW)], method="POST", status=201)
    ended = [{**DONE, "result": results[0]}, other({**DONE, "result": results[1]})]
    api.answer(f"{ORDERS}?ids=17,18&limit=2", ended)
    code, printed, _ = patient("machine", "power", "on", "m1", "m2", "--wait", "--json")
    assert code == expected
    assert [each["result"] for each in json.loads(printed)] == list(results)


def test_without_wait_the_exit_code_says_only_that_it_was_ordered(api, call):
    assert call("machine", "power", "on", "m1", "--json")[0] == 0


def test_progress_is_told_every_5_s_and_not_among_the_data(api, patient):
    api.answer(ORDERS, [ROW, other(ROW)], method="POST", status=201)
    look = f"{ORDERS}?ids=17,18&limit=2"
    api.answer(look, [DONE, other(ROW)])
    both = [DONE, other(DONE)]
    code, printed, said = patient(
        *("machine", "power", "on", "m1", "m2", "--wait", "--json"),
        at={11.0: lambda: api.answer(look, both)},
    )
    assert code == 0
    assert said == "1 of 2 ended\n" * 2
    assert len(json.loads(printed)) == 2


def test_on_a_terminal_the_progress_is_told_in_place_and_what_went_wrong_with_it(api, patient):
    api.answer(ORDERS, [ROW, other(ROW)], method="POST", status=201)
    look = f"{ORDERS}?ids=17,18&limit=2"
    failed = {**DONE, "result": "failed"}
    api.answer(look, [failed, other(ROW)])
    both = [failed, other(DONE)]
    code, _, said = patient(
        *("machine", "power", "reset", "m1", "m2", "--wait"),
        at={3.0: lambda: api.answer(look, both)},
        terminal=True,
    )
    assert (code, api.changes[0][2]["action"]) == (1, "reset")
    assert said == "\r1 of 2 ended, 1 failed\r2 of 2 ended, 1 failed\n"


def test_a_region_that_goes_away_meanwhile_is_waited_for(api, patient):
    api.refuse(LOOK, 503, "DatabaseUnreachable", "no answer")
    code, _, said = patient(
        "machine", "power", "on", "m1", "--wait", at={3.0: lambda: api.answer(LOOK, [DONE])}
    )
    assert code == 0
    assert "waiting: no answer" in said
    assert len(api.changes) == 1


def test_what_can_never_be_answered_is_not_waited_for(api, patient):
    api.refuse(LOOK, 400, "BadRequest", "ids: numbers are needed")
    code, _, said = patient("machine", "power", "on", "m1", "--wait")
    assert code == 1
    assert "ids: numbers are needed" in said


def test_an_order_that_is_gone_has_an_unknown_end(api, patient):
    api.answer(LOOK, [])
    code, printed, _ = patient("machine", "power", "on", "m1", "--wait", "--json")
    assert code == 3
    (row,) = json.loads(printed)
    assert (row["machine"], row["result"]) == ("m1", "unknown")
    assert "the order is gone" in row["error"]


def test_more_orders_than_one_answer_holds_are_waited_for_too(api, patient):
    numbers = range(1, 1202)
    rows = [{**ROW, "order": n, "machine": f"m{n}"} for n in numbers]
    api.answer(ORDERS, rows, method="POST", status=201)
    for part in (rows[:500], rows[500:1000], rows[1000:]):
        ids = ",".join(str(row["order"]) for row in part)
        ended = [{**row, "result": "ok"} for row in part]
        api.answer(f"{ORDERS}?ids={ids}&limit={len(part)}", ended)
    names = [f"m{n}" for n in numbers]
    code, printed, _ = patient("machine", "power", "query", *names, "--wait", "--json", sleeps=3)
    assert code == 0
    assert [row["order"] for row in json.loads(printed)] == list(numbers)


def test_ctrl_c_ends_the_waiting_and_not_the_order(api, patient):
    api.answer(LOOK, [ROW])
    code, printed, said = patient("machine", "power", "on", "m1", "--wait", sleeps=3)
    assert (code, printed) == (130, "")
    assert said.strip() == "evenrack: stopped by Ctrl-C"


@pytest.mark.parametrize("wait", [True, False])
def test_json_has_the_keys_that_programs_rely_on(api, patient, wait):
    api.answer(LOOK, [DONE])
    arguments = ("machine", "power", "on", "m1", "--json", *(["--wait"] if wait else []))
    _, printed, _ = patient(*arguments)
    (row,) = json.loads(printed)
    assert list(row) == KEYS
    shown = DONE if wait else ROW
    assert row == {key: shown[key] for key in KEYS}


# Orders


def test_orders_are_listed_the_newest_of_all_or_of_one_machine(api, call):
    api.answer(f"{ORDERS}?limit=20", [ROW, DONE])
    code, printed, _ = call("order", "list")
    assert (code, printed) == (0, page_text([orders_table([ROW, DONE])]) + "\n")
    assert "under way" in printed
    api.answer(f"{ORDERS}?limit=3&machine=m+1%2F", [DONE])
    code, printed, _ = call("order", "list", "--machine", "m 1/", "--limit", "3", "--json")
    assert (code, json.loads(printed)) == (0, [DONE])


def test_when_nothing_was_ordered_that_is_said(api, call):
    api.answer(f"{ORDERS}?limit=20", [])
    assert call("order", "list")[1] == "no orders yet\n"


@pytest.mark.parametrize(
    "arguments", [("list", "--limit", "0"), ("list", "--limit", "1001"), ("show", "0"), ("show",)]
)
def test_numbers_out_of_range_are_usage_errors(api, call, arguments):
    assert call("order", *arguments)[0] == 2
    assert api.asked == []


def test_one_order_is_shown_with_all_that_is_known(api, call):
    api.answer(f"{ORDERS}/17", DONE)
    code, printed, _ = call("order", "show", "17")
    assert code == 0
    for word in ("ON_SEEN", "rack1", "operator"):
        assert word in printed
    assert json.loads(call("order", "show", "17", "--json")[1]) == DONE


def test_an_order_that_is_not_there_is_said_so(api, call):
    api.refuse(f"{ORDERS}/99", 404, "NotFound", "there is no order 99")
    code, _, said = call("order", "show", "99")
    assert (code, said) == (1, "evenrack: NotFound: there is no order 99\n")


def test_the_history_shows_each_step_and_what_to_do_about_an_unknown_end(api, call):
    steps = [{"at": "2026-01-01T00:00:01Z", "step": "OFF_SENT", "rack": "rack7", "attempt": 2}]
    lost = {**DONE, "result": "unknown", "do": "look at the machine", "steps": steps}
    api.answer(f"{ORDERS}/17", lost)
    _, printed, _ = call("order", "show", "17")
    for word in ("OFF_SENT", "rack7", "2026-01-01T00:00:01Z", "look at the machine"):
        assert word in printed
    api.answer(f"{ORDERS}?limit=20&machine=m1", [lost])
    _, printed, _ = call("order", "list", "--machine", "m1")
    for word in ("unknown", "2026-01-01T00:00:00Z", "operator", "look at the machine"):
        assert word in printed


# Cancelling

CANCEL = f"{ORDERS}/17/cancel"
STOPPED = {**ROW, "result": "failed", "cancelled_by": "me", "error": "nothing was sent"}


def test_an_order_that_sent_nothing_is_cancelled_without_asking(api, call):
    api.answer(f"{ORDERS}/17", ROW)
    api.answer(CANCEL, STOPPED, method="POST")
    code, printed, said = call("order", "cancel", "17", "--json")
    assert (code, json.loads(printed)) == (0, STOPPED)
    assert said == "order 17 is cancelled: nothing was sent; next: evenrack order list\n"
    assert api.changes == [("POST", CANCEL, {}, None)]


def test_one_that_has_begun_is_cancelled_only_when_it_was_confirmed_and_stays_as_it_is(api, call):
    begun = {**ROW, "action": "cycle", "phase": "OFF_SENT", "attempt": 1, "rack": "rack1"}
    api.answer(f"{ORDERS}/17", begun)
    api.answer(CANCEL, {**begun, "cancelled_by": "me"}, method="POST")
    code, _, said = call("order", "cancel", "17")
    assert (code, api.changes) == (2, [])
    assert "cycle of m1 is at OFF_SENT: what was sent is not taken back" in said
    assert "this needs --yes" in said
    code, _, said = call("order", "cancel", "17", "--yes")
    assert code == 0
    assert "nothing more is sent once its rack has heard of it" in said
    assert "until then this cycle may still turn the machine on" in said
    assert said.endswith("not taken back; next: evenrack order show 17\n")
