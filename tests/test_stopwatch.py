"""The stopwatch of tests counts what a program does, and no time in which it could do nothing."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.stopwatch import Stopwatch

SECONDS = 2.0
LITTLE = 0.75


def sleep():
    time.sleep(SECONDS)


def reckon():
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize("hold_up", [sleep, reckon])
def test_who_holds_the_reactor_up_is_counted(hold_up):
    with Stopwatch() as taken:
        hold_up()
    assert taken.seconds > LITTLE


def test_time_in_which_the_whole_program_stands_still_is_not_counted():
    code = (
        "import os, signal; from tests.stopwatch import Stopwatch\n"
        "with Stopwatch() as taken: os.kill(os.getpid(), signal.SIGSTOP)\n"
        "print(taken.seconds)"
    )
    program = subprocess.Popen(  # noqa: S603  our own interpreter
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
    )
    with program:
        os.waitid(os.P_PID, program.pid, os.WSTOPPED | os.WNOWAIT)
        time.sleep(SECONDS)
        program.send_signal(signal.SIGCONT)
        assert float(program.stdout.read()) < LITTLE
