"""Which checks a drill runs, and how it reports."""

from pathlib import Path

import pytest
from attrs import frozen

from evenrack.lab.drill.check import Outcome
from evenrack.lab.drill.course import (
    AT_THE_END,
    CHECKS,
    choose_checks,
    outcome_line,
    possible_checks,
    report,
)
from evenrack.lab.fleet import Fleet, Size, lay_out
from evenrack.lab.hosts import InNamespaces, OnLoopback
from evenrack.lab.refusals import LabRefused

KEPT = Outcome(
    promise="P1", name="killed", ok=True, seconds=0.12345, limit_seconds=2, detail="well"
)
BROKEN = Outcome(
    promise="P25", name="restarted", ok=False, seconds=None, limit_seconds=3, detail="no answer"
)


def test_all_checks_run_in_the_order_of_the_promises():
    promises = [check.promise for check in choose_checks(None)]
    numbers = [int(promise[1:]) for promise in promises if promise.startswith("P")]
    others = [int(promise[1:]) for promise in promises if promise.startswith("M")]
    assert promises == [*(f"P{n}" for n in numbers), *(f"M{n}" for n in others)]
    assert (numbers, others) == (sorted(numbers), sorted(others))
    assert set(numbers) == {1, *range(3, 26), 28, 30}
    assert set(others) == {*range(8, 13), *range(14, 19), 20}
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_page_of_the_drill_tells_of_every_check():
    page = (Path(__file__).parents[2] / "docs" / "drill.md").read_text()
    told = [line.split("|")[1:4] for line in page.splitlines() if line.startswith("| ")][1:]
    checks = [(c.promise, c.name, f"{c.limit_seconds:g} s") for c in (*CHECKS, *AT_THE_END)]
    assert [tuple(word.strip() for word in row) for row in told] == checks


@pytest.mark.parametrize("only", ["P1,P7", "p7 p1", " P1 , P7,"])
def test_only_the_named_promises_are_checked(only):
    assert {check.promise for check in choose_checks(only)} == {"P1", "P7"}


def test_a_promise_without_a_check_is_refused():
    with pytest.raises(LabRefused, match="no check for P2, P99; there are checks for P1, P3"):
        choose_checks("P99,P1,P2")


@frozen(kw_only=True)
class SomeLab:
    """All that choosing asks of a trial."""

    fleet: Fleet


def test_what_a_lab_has_no_part_for_is_left_out():
    in_network = InNamespaces(keeper=None)
    whole = SomeLab(fleet=lay_out(Path("/lab"), in_network, Size()))
    without_bmcs = SomeLab(fleet=lay_out(Path("/lab"), in_network, Size(bmcs=0)))
    without_network = SomeLab(fleet=lay_out(Path("/lab"), OnLoopback(number=1), Size()))
    assert possible_checks(CHECKS, whole) == list(CHECKS)
    promises = {check.promise for check in possible_checks(CHECKS, without_bmcs)}
    assert promises & {"P10", "P11", "P12", "P28"} == {"P12"}
    promises = {check.promise for check in possible_checks(CHECKS, without_network)}
    assert promises & {"P1", "P10", "P11", "P12", "P28"} == {"P1"}


def test_the_report_is_ok_only_when_every_check_is():
    assert report([KEPT], 4) == {
        "ok": True,
        "seed": 4,
        "checks": [
            {
                "promise": "P1",
                "name": "killed",
                "ok": True,
                "seconds": 0.123,
                "limit_seconds": 2,
                "detail": "well",
            }
        ],
    }
    assert not report([KEPT, BROKEN], 0)["ok"]
    assert not report([], 0)["ok"]


def test_an_outcome_is_one_line():
    assert outcome_line(KEPT) == "ok     P1    0.12s of 2 s  killed: well"
    assert outcome_line(BROKEN) == "FAILED P25     -   of 3 s  restarted: no answer"
