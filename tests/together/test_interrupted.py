"""A lab whose `lab up` was killed or stopped half-way: nothing of it stays."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evenrack.errors import ProgramFailed
from evenrack.lab.leftovers import leftovers
from evenrack.lab.record import read_record
from evenrack.postgres.server_processes import read_pid_file
from evenrack.runtime.child_process import (
    identify,
    run_program,
    send_signal,
    start_detached,
    wait_until_ended,
)

pytestmark = [pytest.mark.daemon, pytest.mark.usefixtures("network_possible")]

EVENRACK = str(Path(sys.executable).parent / "evenrack")
SECONDS = 120
SMALL = ("--region-hosts", "1", "--processes", "1", "--racks", "1")
NO_NET = ("--no-net",)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "lab"
    yield folder
    run_program([EVENRACK, "lab", "down", "--dir", str(folder)], seconds=SECONDS)
    assert leftovers(folder) == []
    assert not folder.exists()


# An interrupt in the middle of coverage's own lock would stop the program for ever, as none can
# that is not measured.
UNMEASURED = ("env", "-u", "COVERAGE_PROCESS_CONFIG", "-u", "COVERAGE_PROCESS_START")


def start_up(folder, log, options=()):
    command = [*UNMEASURED, EVENRACK, "lab", "up", *SMALL, *options, "--dir", str(folder)]
    return start_detached(command, log=log)


def demo(state):
    return [*UNMEASURED, f"XDG_STATE_HOME={state}", EVENRACK, "lab", "demo", *NO_NET]


def wait_for(reached, program):
    """Look until the lab is so far; wait_until_ended waits a little without sleeping."""
    for _ in range(SECONDS * 50):
        if reached():
            return
        assert wait_until_ended([program], seconds=0.02), "it ended before it was so far"
    pytest.fail("it never came so far")


def a_network_is_held(folder):
    return (folder / "keeper").exists()


def postgres_is_being_made(folder):
    """Or is made: whoever looks on may stand still for a moment."""
    return any((folder / "postgres" / name).exists() for name in ("data.new", "data"))


def noted_in(folder):
    """What the lab's record says; nothing where there is none, or where it is just removed."""
    try:
        return json.loads((folder / "lab.json").read_text())
    except FileNotFoundError:
        return {"programs": {}, "stage": ""}


def a_daemon_runs(folder):
    return noted_in(folder)["programs"] != {}


def owner_of(folder):
    record = read_record(folder)
    return None if record is None else record.owner.pid


def segments():
    """The System V memory of this machine, which is in no folder."""
    return [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]


def a_fleet_is_up(folder):
    return noted_in(folder)["stage"] == "up"


@pytest.mark.parametrize(
    ("options", "stage"),
    [((), a_network_is_held), (NO_NET, postgres_is_being_made), (NO_NET, a_daemon_runs)],
)
def test_after_a_kill_half_way_down_leaves_nothing(folder, tmp_path, options, stage):
    program = start_up(folder, tmp_path / "log", options)
    wait_for(lambda: stage(folder), program)
    send_signal(program, signal.SIGKILL)
    wait_until_ended([program], seconds=SECONDS)
    run_program([EVENRACK, "lab", "down", "--dir", str(folder)], seconds=SECONDS)
    assert leftovers(folder) == []
    assert not folder.exists()


def test_after_a_kill_half_way_the_next_up_cleans_and_runs(folder, tmp_path):
    program = start_up(folder, tmp_path / "log")
    wait_for(lambda: a_daemon_runs(folder), program)
    send_signal(program, signal.SIGKILL)
    wait_until_ended([program], seconds=SECONDS)
    old = set(leftovers(folder))
    run_program([EVENRACK, "lab", "up", *SMALL, "--dir", str(folder)], seconds=SECONDS)
    assert old & set(leftovers(folder)) == set()


@pytest.mark.parametrize(("options", "number"), [((), signal.SIGINT), (NO_NET, signal.SIGTERM)])
def test_up_that_is_stopped_half_way_cleans_up_itself(folder, tmp_path, options, number):
    log = tmp_path / "log"
    program = start_up(folder, log, options)
    wait_for(lambda: a_daemon_runs(folder), program)
    memory = read_pid_file(folder / "postgres" / "data").segment
    send_signal(program, number)
    os.sched_yield()
    send_signal(program, number)  # a second Ctrl-C does not stop the cleaning
    assert wait_until_ended([program], seconds=SECONDS) == []
    assert leftovers(folder) == []
    assert not folder.exists()
    assert "Ctrl-C" in log.read_text()
    assert str(memory[1]) not in segments()


def test_a_drill_that_is_stopped_takes_the_lab_that_it_brought_up_with_it(folder, tmp_path):
    log = tmp_path / "log"
    command = [*UNMEASURED, EVENRACK, "lab", "drill", *NO_NET, "--dir", str(folder)]
    program = start_detached(command, log=log)
    wait_for(lambda: "\nok " in log.read_text(), program)
    send_signal(program, signal.SIGTERM)
    os.sched_yield()
    send_signal(program, signal.SIGTERM)
    assert wait_until_ended([program], seconds=SECONDS) == []
    assert leftovers(folder) == []
    assert not folder.exists()


def test_a_demo_that_is_stopped_while_it_comes_up_takes_every_folder_with_it(tmp_path):
    state = tmp_path / "s"  # a socket's path has 107 bytes at most
    stopped = start_detached(demo(state), log=tmp_path / "log")
    wait_for(lambda: a_daemon_runs(state / "evenrack" / "demo"), stopped)
    send_signal(stopped, signal.SIGINT)
    assert wait_until_ended([stopped], seconds=SECONDS) == []
    assert not state.exists()


def test_a_demo_whose_terminal_is_closed_leaves_nothing(tmp_path):
    folder = tmp_path / "evenrack" / "demo"
    ours, its = os.openpty()
    closed = subprocess.Popen(demo(tmp_path), stdin=its, stdout=its, stderr=its)  # noqa: S603
    with closed:
        os.close(its)
        wait_for(lambda: a_daemon_runs(folder), identify(closed.pid))
        os.close(ours)
        closed.send_signal(signal.SIGHUP)
        closed.wait(SECONDS)
    assert leftovers(folder) == []
    assert not folder.exists()


@pytest.mark.slow
def test_a_demo_that_is_stopped_leaves_nothing_and_the_next_cleans_after_a_kill(tmp_path):
    folder = tmp_path / "evenrack" / "demo"
    killed = start_detached(demo(tmp_path), log=tmp_path / "first")
    wait_for(lambda: a_fleet_is_up(folder), killed)
    send_signal(killed, signal.SIGKILL)
    wait_until_ended([killed], seconds=SECONDS)
    assert leftovers(folder) != []
    stopped = start_detached(demo(tmp_path), log=tmp_path / "second")
    wait_for(lambda: a_fleet_is_up(folder) and owner_of(folder) == stopped.pid, stopped)
    send_signal(stopped, signal.SIGSTOP)  # its drill would end, and it by itself
    with pytest.raises(ProgramFailed, match=f"already runs in .*, as process {stopped.pid}"):
        run_program(demo(tmp_path), seconds=SECONDS)
    send_signal(stopped, signal.SIGCONT)
    send_signal(stopped, signal.SIGINT)
    os.sched_yield()
    send_signal(stopped, signal.SIGINT)
    assert wait_until_ended([stopped], seconds=SECONDS) == []
    assert "was killed: what is left of it is removed" in (tmp_path / "second").read_text()
    assert leftovers(folder) == []
    assert not folder.exists()
