"""The whole fleet as real programs: up, drilled promise by promise, down without a trace."""

import json
import sys
from pathlib import Path

import pytest

from evenrack.errors import ProgramFailed
from evenrack.lab.drill.course import CHECKS, without_network
from evenrack.lab.leftovers import leftovers
from evenrack.runtime.child_process import run_program
from tests.together.whole_lab import failures_logged

pytestmark = pytest.mark.daemon

EVENRACK = str(Path(sys.executable).parent / "evenrack")
STATUS_SECONDS = 60
DRILL_SECONDS = 280


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
    try:
        printed = evenrack("lab", "drill", "--json", "--dir", lab, seconds=DRILL_SECONDS)
    except ProgramFailed as failed:
        broken = [line for line in failed.output.splitlines() if not line.startswith("ok")]
        pytest.fail("\n".join(["the drill says no:", *broken]), pytrace=False)
    return json.loads(printed)


def test_every_promise_is_kept(drilled):
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
    killed = next(
        program["target"]
        for program in json.loads(evenrack("lab", "status", "--json", "--dir", lab))["programs"]
        if program["state"] == "dead"
    )
    assert f"{killed} runs as incarnation" in evenrack("lab", "restart", killed, "--dir", lab)


def test_a_second_lab_is_refused_in_the_same_folder(lab):
    with pytest.raises(ProgramFailed, match="a lab already runs"):
        evenrack("lab", "up", "--no-net", "--dir", lab)


def test_logs_are_shown(lab):
    assert '"level"' in evenrack("lab", "logs", "rack1", "--lines", "3", "--dir", lab)
    assert "database system" in evenrack("lab", "logs", "postgres", "--lines", "500", "--dir", lab)
