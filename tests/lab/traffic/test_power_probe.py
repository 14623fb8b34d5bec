"""Power's prober as a program, and how it takes every answer of a real API."""

import itertools
import sys
import time

import pytest

from evenrack.client import SocketTarget
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces
from evenrack.lab.traffic.entry import Surroundings
from evenrack.lab.traffic.felt_file import read_felt
from evenrack.lab.traffic.power_probe import ask_about_power
from evenrack.lab.traffic.power_program import POWER_MODULE
from evenrack.runtime.child_process import start_detached, stop_program, wait_until_ended
from tests.cli.small_api import small_api

ORDERS = "/api/v1/orders"
BUSY = {"running": [{"machine": "m1", "order": 5}]}


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "socket") as api:
        yield api


def ended(order):
    return [{"order": order, "result": "ok", "rack": "rack2", "error": None}]


def probe(api, *, turns, on_turn=lambda turn: None):
    """Let it work for so many turns on a clock that only sleeping moves; give what it told."""
    count = itertools.count(1)
    clock = {"now": 0.0, "turn": 0}

    def sleep(seconds):
        clock["now"] += seconds
        clock["turn"] = next(count)
        on_turn(clock["turn"])

    surroundings = Surroundings(
        seconds=lambda: clock["now"],
        wall=lambda: 1e9,
        sleep=sleep,
        transaction=lambda: 0,
        ended=lambda: clock["turn"] >= turns,
    )
    out = api.path.with_name("felt")
    ask_about_power([SocketTarget(path=api.path)], ["m1", "m2"], out, surroundings)
    began, *felt, last = read_felt(out)
    assert (began["kind"], last["kind"]) == ("began", "ended")
    return felt


def test_p10_an_order_is_given_and_looked_at_until_it_ends(api):
    api.answer(ORDERS, [{"order": 1}], method="POST", status=201)
    api.answer(f"{ORDERS}?ids=1", [])
    (line,) = probe(
        api, turns=5, on_turn=lambda turn: turn < 3 or api.answer(f"{ORDERS}?ids=1", ended(1))
    )
    assert (line["machine"], line["rack"], line["at"]) == ("m1", "rack2", 1e9)
    assert line["wait"] == pytest.approx(0.15)
    assert api.changes == [("POST", ORDERS, {"machines": ["m1"], "action": "query"}, None)]


def test_while_regions_are_without_their_database_or_away_it_asks_again(api):
    api.refuse(ORDERS, 503, "DatabaseUnreachable", "away", method="POST")

    def back(turn):
        if turn == 10:
            api.answer(ORDERS, [{"order": 1}], method="POST", status=201)
            api.answer(f"{ORDERS}?ids=1", ended(1))

    (line,) = probe(api, turns=12, on_turn=back)
    assert line["wait"] == pytest.approx(0.5)
    assert len(api.changes) == 11


def test_an_order_that_nobody_can_look_at_goes_on_waiting(api):
    api.answer(ORDERS, [{"order": 1}], method="POST", status=201)
    api.refuse(f"{ORDERS}?ids=1", 503, "DatabaseUnreachable", "away")
    assert probe(api, turns=3) == []


def test_without_any_region_it_stands_still(tmp_path):
    class Nobody:
        path = tmp_path / "nobody"

    (line,) = probe(Nobody(), turns=100)
    assert (line["machine"], line["waiting"]) == ("m1", True)


def test_a_machine_that_somebody_else_switches_is_left_out(api):
    api.refuse(ORDERS, 409, "OrderUnderWay", "busy", method="POST", **BUSY)
    assert probe(api, turns=30) == []
    assert [body["machines"] for _, _, body, _ in api.changes] == [["m1"], ["m2"]]


def test_a_machine_that_is_not_there_any_more_is_left_out(api):
    api.refuse(ORDERS, 422, "FieldsRefused", "no such machine", method="POST")
    assert probe(api, turns=3) == []
    assert len(api.changes) == 1


def test_an_order_whose_answer_got_lost_is_found_again(api):
    api.say_nothing(ORDERS, method="POST")
    api.answer(f"{ORDERS}?ids=5", ended(5))

    def found(turn):
        api.refuse(ORDERS, 409, "OrderUnderWay", "busy", method="POST", **BUSY)

    (line,) = probe(api, turns=4, on_turn=found)
    assert (line["order"], line["machine"]) == (5, "m1")


@pytest.mark.daemon
def test_it_runs_as_the_lab_starts_it_and_ends_when_it_is_told_to(api, tmp_path):
    traffic = lay_out(tmp_path, InNamespaces(keeper=None), Size(bmcs=1)).power_traffic
    api.answer(ORDERS, [{"order": 1}], method="POST", status=201)
    api.answer(f"{ORDERS}?ids=1", ended(1))
    felt = tmp_path / "felt"
    interpreter, *options = traffic.arguments(tmp_path)[:4]
    words = ["--out", str(felt), "--socket", str(api.path), "--machine", "m1"]
    log = tmp_path / "log"
    program = start_detached([sys.executable, *options, *words], log=log)
    try:
        give_up = time.monotonic() + 60
        while not any("rack" in line for line in read_felt(felt)):
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.05)
    finally:
        stop_program(program, seconds=30)
    assert interpreter.startswith(str(tmp_path))
    assert list(read_felt(felt))[-1]["kind"] == "ended"
    assert log.read_text() == ""


@pytest.mark.daemon
def test_where_it_cannot_write_it_says_so_and_ends(tmp_path):
    log = tmp_path / "log"
    words = ["--out", str(tmp_path / "no" / "felt"), "--socket", "s", "--machine", "m1"]
    program = start_detached([sys.executable, "-P", "-m", POWER_MODULE, *words], log=log)
    assert wait_until_ended([program], seconds=60) == []
    assert "FileNotFoundError" in log.read_text()
