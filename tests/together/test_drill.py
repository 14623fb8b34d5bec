"""The whole fleet as real programs: up, drilled promise by promise, down without a trace."""

import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evenrack.cli.lab_prompt import Prompt
from evenrack.cli.session import Session, Surroundings
from evenrack.errors import ProgramFailed
from evenrack.lab.clocks import Clocks
from evenrack.lab.drill.course import CHECKS, without_network
from evenrack.lab.leftovers import leftovers
from evenrack.runtime.child_process import run_program
from tests.together.whole_lab import failures_logged

pytestmark = pytest.mark.daemon

EVENRACK = str(Path(sys.executable).parent / "evenrack")
STATUS_SECONDS = 120
DRILL_SECONDS = 600


def evenrack(*arguments, seconds=STATUS_SECONDS):
    return run_program([EVENRACK, *map(str, arguments)], seconds=seconds)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab") / "fleet"
    evenrack("lab", "up", "--no-net", "--dir", folder)
    yield folder
    evenrack("lab", "down", "--dir", folder)
    assert leftovers(folder) == []
    assert not folder.exists()


@pytest.fixture(scope="module")
def drilled(lab):
    evenrack("lab", "kill", "leader", "--dir", lab)  # as one does who has just tried that
    try:
        printed = evenrack("lab", "drill", "--json", "--dir", lab, seconds=DRILL_SECONDS)
    except ProgramFailed as failed:
        broken = [line for line in failed.output.splitlines() if not line.startswith("ok")]
        pytest.fail("\n".join(["the drill says no:", *broken]), pytrace=False)
    return json.loads(printed)


def test_every_promise_is_kept_once_what_was_left_broken_is_put_right(drilled):
    assert [check for check in drilled["checks"] if not check["ok"]] == []
    assert drilled["ok"]
    assert {check["name"] for check in drilled["checks"]} >= {
        check.name for check in without_network(CHECKS)
    }


def test_every_check_measures_within_its_limit(drilled):
    for check in drilled["checks"]:
        assert 0 <= check["seconds"] <= check["limit_seconds"], check["name"]
        assert check["detail"]


def test_no_daemon_logged_a_failure_while_it_was_drilled(lab, drilled):
    assert failures_logged(lab) == []


def test_status_tells_of_every_program_and_of_the_fleet(lab):
    seen = json.loads(evenrack("lab", "status", "--json", "--dir", lab))
    assert len(seen["programs"]) == 9
    assert {program["state"] for program in seen["programs"]} == {"running"}
    assert seen["fleet"]["leader"]


def test_a_deed_is_followed_by_its_moves_with_reasons(lab):
    printed = evenrack("lab", "kill", "manager of rack1", "--dir", lab)
    assert "managing rack1: " in printed
    assert "(forced; " in printed
    killed = dead(lab)
    assert f"{killed} runs as incarnation" in evenrack("lab", "restart", "--dir", lab)
    assert evenrack("lab", "restart", "--dir", lab) == ""


def test_at_the_prompt_of_the_demo_what_comes_later_is_told_before_the_next_word(
    lab, monkeypatch, capsys
):
    def lines():
        yield 'restart "manager of rack1"\n'
        evenrack("lab", "kill", "leader", "--dir", lab)
        yield f"kill {dead(lab)}\n"
        evenrack("lab", "restart", dead(lab), "--dir", lab)
        yield ""

    monkeypatch.setattr("sys.stdin", Typed(lines()))
    clocks = Clocks(seconds=time.monotonic, sleep=time.sleep, now=lambda: datetime.now(tz=UTC))
    programs = Path(sys.executable).parent
    around = Surroundings(environment={}, clocks=clocks, programs=programs, terminal=False)
    Prompt(Session(surroundings=around), lab).obey_until_the_end()
    said = capsys.readouterr()
    deed, later = said.out.split("meanwhile, since the last deed:\n")
    assert "managing rack1: " in deed
    assert " leads in epoch " in later
    cure, refused = said.err.splitlines()[-2:]
    assert cure == "next: status"
    assert re.fullmatch(r"nothing to do: region./. does not run", refused)


def dead(lab):
    """Name the one program that does not run."""
    seen = json.loads(evenrack("lab", "status", "--json", "--dir", lab))
    (name,) = [each["target"] for each in seen["programs"] if each["state"] == "dead"]
    return name


class Typed:
    """A keyboard: each line comes when it is asked for."""

    def __init__(self, lines):
        self.readline = lines.__next__


def test_a_second_lab_is_refused_in_the_same_folder(lab):
    with pytest.raises(ProgramFailed, match="a lab already runs"):
        evenrack("lab", "up", "--no-net", "--dir", lab)


def test_logs_are_shown(lab):
    assert '"level"' in evenrack("lab", "logs", "rack1", "--lines", "3", "--dir", lab)
    assert "database system" in evenrack("lab", "logs", "postgres", "--lines", "500", "--dir", lab)
