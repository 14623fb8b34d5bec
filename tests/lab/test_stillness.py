"""What is measured while a processor stands still is measured again, and nothing else is."""

import itertools
import os
import threading
import time
from types import SimpleNamespace

import pytest

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.course import run_drill
from evenrack.lab.drill.stillness import Stillness

LOOKERS = len(os.sched_getaffinity(0))


class Machine:
    """A clock that goes on by 10 ms a round of looks; it can stand still for longer."""

    def __init__(self):
        self.now = 0.0
        self.looked = threading.Condition()

    def seconds(self):
        with self.looked:
            self.now += 0.01 / LOOKERS
            self.looked.notify_all()
            return self.now

    def stand_still(self, seconds):
        with self.looked:
            self.now += seconds
            for _ in range(LOOKERS + 1):  # until one has looked again, and so noted what it saw
                assert self.looked.wait(60), "nobody looks at the clock"


class Lab(SimpleNamespace):
    """All that a drill without a network asks of a trial."""

    def __init__(self, machine):
        super().__init__(
            clocks=machine,
            fleet=SimpleNamespace(network=None),
            programs=SimpleNamespace(names=[]),
            whole_after=0.0,
            restored=0,
            forgotten=[],
        )

    def has_done(self, experiment):
        return False

    def forget(self, experiment):
        self.forgotten.append(experiment)

    def wait_until_whole(self):
        pass

    def restore(self):
        self.restored += 1


def drilled(run):
    """Run a drill of this one check, and give its outcome and the lab."""
    machine = Machine()
    lab, tries = Lab(machine), itertools.count(1)

    def check(trial, limit):
        return run(machine, next(tries))

    wanted = Check(promise="P1", name="killed", limit_seconds=1, run=check, judges=run)
    outcome, *_ = run_drill([wanted], lab, lambda outcome: None)
    return outcome, lab


def test_a_check_that_says_no_while_the_machine_stands_still_is_tried_again():
    def run(machine, number):
        if number == 1:
            machine.stand_still(2.0)
            raise CheckFailed("right only after 2.10 s", 2.1)
        return Measured(seconds=0.1, detail="rack1 is managed")

    outcome, lab = drilled(run)
    assert (outcome.ok, outcome.seconds) == (True, 0.1)
    assert outcome.detail == (
        "rack1 is managed; before, when a processor stood still for 2.0 s: right only after 2.10 s"
    )
    assert lab.forgotten == [run]
    assert lab.restored == 3  # after each try, and at the end


def test_a_check_that_says_no_on_a_machine_that_goes_on_has_said_it():
    def run(machine, number):
        raise CheckFailed(f"try {number}", 2.1)

    outcome, _ = drilled(run)
    assert (outcome.ok, outcome.detail) == (False, "try 1")


def test_a_check_is_tried_three_times_at_most():
    def run(machine, number):
        machine.stand_still(1.0)
        raise CheckFailed(f"try {number}", 1.1)

    outcome, _ = drilled(run)
    assert not outcome.ok
    before = "before, when a processor stood still for 1.0 s: try 1; "
    assert outcome.detail.startswith(f"try 3; {before}")


def test_what_is_later_than_the_machine_stood_still_counts():
    def run(machine, number):
        machine.stand_still(2.0)
        raise CheckFailed(f"try {number}", 3.5)

    outcome, _ = drilled(run)
    assert (outcome.ok, outcome.detail) == (False, "try 1")


def test_what_never_may_be_counts_though_the_machine_stood_still():
    def run(machine, number):
        machine.stand_still(2.0)
        raise NeverMayBe(f"try {number}", 0.1)

    outcome, _ = drilled(run)
    assert (outcome.ok, outcome.detail) == (False, "try 1")


def test_what_a_check_saw_in_time_counts_though_the_machine_stood_still():
    def run(machine, number):
        machine.stand_still(2.0)
        return Measured(seconds=0.1, detail=f"try {number}")

    outcome, _ = drilled(run)
    assert (outcome.ok, outcome.detail) == (True, "try 1")


@pytest.mark.parametrize(("seconds", "seen"), [(0.3, None), (0.7, 0.7)])
def test_short_moments_of_a_busy_machine_are_no_stillness(seconds, seen):
    machine = Machine()
    with Stillness(machine.seconds) as stillness:
        machine.stand_still(seconds)
        longest = stillness.longest
        stillness.begin_anew()
        assert stillness.longest is None
    assert longest is None if seen is None else longest == pytest.approx(seen, abs=0.06)


@pytest.mark.parametrize("processor", sorted(os.sched_getaffinity(0)))
def test_a_processor_that_stands_still_alone_is_seen(processor):
    began, stood_still, looked = threading.Event(), threading.Event(), threading.Event()

    def seconds():
        """Tell the time as whoever is on that processor sees it."""
        now = time.monotonic()
        if os.sched_getaffinity(0) != {processor}:
            return now
        if not stood_still.is_set():
            began.set()
            return now
        looked.set()
        return now + 60.0

    with Stillness(seconds) as stillness:
        assert began.wait(30)
        stood_still.set()
        assert looked.wait(30)
    assert stillness.longest >= 50.0


def test_a_processor_that_still_stands_still_counts_before_it_goes_on():
    """It cannot say so by itself yet, and what is judged now was measured meanwhile."""
    held, go_on = threading.Event(), threading.Event()
    asked = threading.local()

    def seconds():
        if threading.current_thread() is not threading.main_thread():
            asked.times = getattr(asked, "times", 0) + 1
            if asked.times == 2:  # one that has slept once, and wakes no more
                held.set()
                assert go_on.wait(60)
        return now[0]

    now = [0.0]
    with Stillness(seconds) as stillness:
        assert held.wait(60)
        now[0] = 2.0
        longest = stillness.longest
        go_on.set()
    assert longest == pytest.approx(2.0, abs=0.06)
