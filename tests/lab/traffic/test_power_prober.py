"""Who is asked about power, when, and what is told of it: the clock is a number."""

import pytest

from evenrack.lab.traffic.power_prober import ASK_SECONDS, PowerProber
from evenrack.lab.traffic.wait import LONG_SECONDS, LOST_SECONDS

MACHINES = ("m1", "m2", "m3")


class Asked:
    """A prober and what it told."""

    def __init__(self):
        self.told = []
        self.prober = PowerProber(MACHINES, self.told.append)

    def ask(self, now, order):
        machine = self.prober.tick(now)
        self.prober.ordered(machine, order)
        return machine

    def end(self, order, now, result="ok", error=None):
        row = {"order": order, "result": result, "rack": "rack1", "error": error}
        self.prober.heard([row], now)


@pytest.fixture
def asked():
    return Asked()


def test_each_second_one_machine_in_turn_is_asked_about(asked):
    turns = []
    for number in range(80):
        now = 100 + number * ASK_SECONDS / 20
        machine = asked.prober.tick(now)
        if machine is not None:
            asked.prober.ordered(machine, number)
            asked.end(number, now)
            turns.append(machine)
    assert turns == ["m1", "m2", "m3", "m1"]


def test_a_wait_lasts_from_the_order_to_its_end_and_tells_who_did_it(asked):
    assert asked.ask(100.0, 7) == "m1"
    assert asked.prober.orders == [7]
    asked.end(7, 100.25, result=None)
    asked.end(8, 100.25)
    assert asked.told == []
    asked.end(7, 100.5)
    assert asked.told == [
        {"mono": 100.5, "kind": "query", "wait": 0.5, "machine": "m1", "order": 7, "rack": "rack1"}
    ]
    assert asked.prober.orders == []


def test_an_order_that_fails_is_lost(asked):
    asked.ask(100.0, 7)
    asked.end(7, 101.0, result="failed", error="no rack could")
    (line,) = asked.told
    assert (line["lost"], line["error"], line["wait"]) == (True, "no rack could", 1.0)
    assert "rack" not in line


def test_while_no_region_takes_an_order_no_other_is_begun_and_the_wait_counts(asked):
    for now in (100.0, 101.0, 105.0):
        assert asked.prober.tick(now) == "m1"
    asked.ask(106.0, 7)
    asked.end(7, 106.0)
    assert [(line["wait"], "waiting" in line) for line in asked.told] == [(5.0, True), (6.0, False)]
    assert asked.prober.tick(106.0) == "m2"
    assert asked.prober.tick(106.5) == "m2"


def test_others_are_asked_while_one_waits_and_nobody_twice(asked):
    assert [asked.ask(100.0 + turn, turn) for turn in range(3)] == ["m1", "m2", "m3"]
    assert asked.prober.tick(103.0) is None
    asked.end(1, 103.5)
    assert asked.prober.tick(104.0) == "m2"


def test_a_long_wait_is_told_once_while_it_goes_on(asked):
    asked.ask(100.0, 7)
    for now in (100.0 + LONG_SECONDS, 102.0, 103.0):
        if machine := asked.prober.tick(now):
            asked.prober.busy(machine, None)
    assert [(line["waiting"], line["wait"]) for line in asked.told] == [(True, LONG_SECONDS)]


def test_who_waits_too_long_is_lost_and_asked_again_in_turn(asked):
    asked.ask(100.0, 7)
    asked.prober.tick(100.0 + LOST_SECONDS)
    assert asked.told[-1]["lost"]
    assert asked.prober.orders == []
    asked.end(7, 200.0)
    assert len(asked.told) == 1


def test_a_machine_that_somebody_else_switches_is_left_out_and_nothing_is_told(asked):
    assert asked.prober.tick(100.0) == "m1"
    asked.prober.busy("m1", 5)
    assert asked.prober.orders == []
    assert asked.prober.tick(101.0) == "m2"
    assert asked.told == []


def test_an_order_that_may_have_been_taken_is_found_again(asked):
    assert asked.prober.tick(100.0) == "m1"
    asked.prober.doubtful("m1")
    assert asked.prober.tick(100.1) == "m1"
    asked.prober.busy("m1", 5)
    asked.end(5, 100.5)
    assert [(line["machine"], line["wait"]) for line in asked.told] == [("m1", 0.5)]
