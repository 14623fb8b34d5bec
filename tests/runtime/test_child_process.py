"""Real programs, started, watched and ended."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from evenrack.errors import ProgramFailed
from evenrack.runtime.child_process import (
    ProgramId,
    identify,
    is_alive,
    run_program,
    send_signal,
    start_detached,
    stop_program,
    wait_until_ended,
)
from evenrack.runtime.process_table import read_process
from tests.postgres_fixtures import for_this_source

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 100; done"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def started(log):
    """Start programs that end with the test, whatever it did to them."""
    programs = []

    def start(*arguments):
        programs.append(start_detached(arguments, log=log))
        return programs[-1]

    yield start
    for program in programs:
        stop_program(program, seconds=0)


def wait_for_text(file, text):
    for _ in range(500):
        if file.exists() and text in file.read_text():
            return
        select.select([], [], [], 0.01)
    raise AssertionError(f"{text!r} not in {file.read_text()!r}")


def test_output_of_a_program_is_returned():
    assert run_program(["echo", "a word"], seconds=10) == "a word\n"


def test_input_environment_and_directory_reach_the_program(tmp_path):
    printed = run_program(
        ["sh", "-c", "cat; echo $WORD; pwd"],
        seconds=10,
        input_text="given\n",
        environment={"WORD": "set", "PATH": os.defpath},
        directory=tmp_path,
    )
    assert printed == f"given\nset\n{tmp_path}\n"


def test_without_input_a_program_reads_nothing():
    assert run_program(["cat"], seconds=10) == ""


def test_failure_names_command_exit_code_and_last_lines():
    with pytest.raises(ProgramFailed) as failure:
        run_program(["sh", "-c", "seq 100; echo the reason >&2; exit 3"], seconds=10)
    assert failure.value.outcome == "ended with exit code 3"
    assert failure.value.output == "the reason"
    assert failure.value.command.startswith("sh -c 'seq 100")


def test_failure_without_complaint_shows_the_end_of_the_output():
    with pytest.raises(ProgramFailed) as failure:
        run_program(["sh", "-c", "seq 100; false"], seconds=10)
    assert failure.value.output.splitlines() == [str(n) for n in range(81, 101)]


def test_death_by_signal_is_named():
    with pytest.raises(ProgramFailed, match="was killed by SIGKILL"):
        run_program(["sh", "-c", "kill -KILL $$"], seconds=10)


def test_missing_program_is_named(log):
    with pytest.raises(ProgramFailed, match="no-such-program: cannot be started"):
        run_program(["no-such-program"], seconds=10)
    with pytest.raises(ProgramFailed, match="no-such-program: cannot be started"):
        start_detached(["no-such-program"], log=log)


def test_program_that_takes_too_long_is_killed_with_its_children():
    with pytest.raises(ProgramFailed, match=r"did not end within 1\.5 s") as failure:
        run_program(["sh", "-c", "sleep 100 & echo $!; wait"], seconds=1.5)
    assert identify(int(failure.value.output)) is None


def test_child_that_holds_the_output_open_is_killed_too():
    with pytest.raises(ProgramFailed, match=r"did not end within 1\.5 s") as failure:
        run_program(["sh", "-c", "sleep 100 & echo $!"], seconds=1.5)
    assert identify(int(failure.value.output)) is None


def test_ctrl_c_ends_the_program_that_is_waited_for(tmp_path):
    file = tmp_path / "pid"
    script = (
        "from evenrack.runtime.child_process import run_program\n"
        f"run_program(['sh', '-c', 'echo $$ > {file}; sleep 100'], seconds=100)\n"
    )
    with subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, "-c", script], env=for_this_source(), stderr=subprocess.DEVNULL
    ) as process:
        wait_for_text(file, "\n")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
    assert identify(int(file.read_text())) is None


def test_ctrl_c_while_a_program_is_started_ends_it_as_soon_as_it_is_known(tmp_path):
    file = tmp_path / "pid"
    script = (
        "import signal, subprocess\n"
        "from evenrack.runtime import child_process\n"
        "class Interrupted(subprocess.Popen):\n"
        "    def __init__(self, *arguments, **named):\n"
        "        super().__init__(*arguments, **named)\n"
        f"        open({str(file)!r}, 'w').write(str(self.pid))\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "child_process.subprocess.Popen = Interrupted\n"
        "child_process.run_program(['sleep', '100'], seconds=100)\n"
    )
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", script],
        check=False,
        env=for_this_source(),
        stderr=subprocess.PIPE,
        timeout=20,
    )
    assert b"KeyboardInterrupt" in done.stderr
    assert identify(int(file.read_text())) is None


def test_detached_program_has_its_own_session_and_logs(started, log):
    log.write_text("before\n")
    program = started("sh", "-c", "echo out; echo err >&2; cat; echo end of input; sleep 100")
    wait_for_text(log, "end of input")
    assert log.read_text() == "before\nout\nerr\nend of input\n"
    row = read_process(program.pid)
    assert (row.session, row.group) == (program.pid, program.pid)
    assert is_alive(program)


def test_program_that_ended_is_not_alive_and_leaves_no_zombie(started):
    program = started("true")
    assert wait_until_ended([program], seconds=10) == []
    assert not is_alive(program)
    assert read_process(program.pid) is None


def test_zombie_of_another_counts_as_dead():
    with subprocess.Popen(["/bin/true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        row = read_process(process.pid)
        assert row.ended
        assert identify(process.pid) is None
        assert not send_signal(ProgramId(row.pid, row.started), signal.SIGTERM)


def test_recycled_number_is_never_touched():
    with subprocess.Popen(["/bin/sleep", "100"], start_new_session=True) as process:
        now = identify(process.pid)
        before = ProgramId(now.pid, now.started - 1)
        assert not is_alive(before)
        assert not send_signal(before, signal.SIGKILL)
        stop_program(before, seconds=0)
        assert is_alive(now)
        process.kill()


def test_waiting_ends_at_its_time_and_names_who_still_runs(started):
    short, long = started("true"), started("sleep", "100")
    os.waitid(os.P_PID, short.pid, os.WEXITED | os.WNOWAIT)  # however late its turn comes
    begin = time.monotonic()
    assert wait_until_ended([short, long], seconds=0.3) == [long]
    assert 0.25 < time.monotonic() - begin < 50


def test_waiting_ends_at_once_with_the_program(started):
    program = started("sleep", "0.1")
    begin = time.monotonic()
    assert wait_until_ended([program], seconds=60) == []
    assert time.monotonic() - begin < 30


def test_stop_ends_the_children_too(started, log):
    program = started("sh", "-c", "sleep 100 & echo $!; wait")
    wait_for_text(log, "\n")
    child = identify(int(log.read_text()))
    stop_program(program, seconds=10)
    assert not is_alive(program)
    assert not is_alive(child)


def test_stop_ends_the_children_of_a_program_that_is_gone(started, log):
    program = started("sh", "-c", "sleep 100 & echo $!")
    wait_until_ended([program], seconds=10)
    child = identify(int(log.read_text()))
    assert is_alive(child)
    stop_program(program, seconds=10)
    assert not is_alive(child)


def test_stop_kills_what_ignores_the_request(started, log):
    program = started("sh", "-c", STUBBORN)
    wait_for_text(log, "ready")
    stop_program(program, seconds=0.1)
    assert not is_alive(program)


def test_stop_lets_a_paused_program_obey(started, log):
    program = started("sh", "-c", "trap 'echo bye; exit' TERM; echo ready; sleep 100 & wait")
    wait_for_text(log, "ready")
    send_signal(program, signal.SIGSTOP)
    stop_program(program, seconds=10)
    assert "bye" in log.read_text()


def test_stop_of_a_program_that_is_gone_does_nothing(started):
    program = started("true")
    wait_until_ended([program], seconds=10)
    stop_program(program, seconds=10)


def test_program_with_a_name_of_parentheses_and_blanks_is_read(tmp_path, started):
    odd = tmp_path / "a) R (b"
    odd.symlink_to("/bin/sleep")
    row = read_process(started(str(odd), "100").pid)
    assert row.parent == os.getpid()
    assert row.started > 0


def test_module_works_without_twisted():
    script = "import sys, evenrack.runtime.child_process; sys.exit('twisted' in sys.modules)"
    run_program([sys.executable, "-c", script], seconds=30, environment=for_this_source())
