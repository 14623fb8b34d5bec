"""Real programs, run by the real reactor."""

import os

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from evenrack.errors import ProgramFailed
from evenrack.runtime.child_process import is_alive, start_detached, stop_program
from evenrack.runtime.process_table import read_process
from evenrack.runtime.spawned import ENVIRONMENT, MOST_OUTPUT_BYTES, Ended, run_spawned

LONG = 60.0
"""Seconds that no test of these waits for."""


async def run(*arguments, seconds=LONG, **more):
    return await run_spawned(reactor, arguments, seconds=seconds, **more)


async def until(condition):
    while not condition():
        await deferLater(reactor, 0.01)


def runs(pid):
    row = read_process(pid)
    return row is not None and not row.ended


def number_in(file):
    return int(file.read_text()) if file.exists() and file.read_text().endswith("\n") else None


async def test_a_program_is_run_to_its_end_and_its_output_given():
    ended = await run("sh", "-c", "echo printed; echo complained >&2; exit 3")
    assert ended == Ended(code=3, output=b"printed\n", errors=b"complained\n")


async def test_a_program_that_a_signal_ended_has_no_code():
    assert (await run("sh", "-c", "kill -KILL $$")).code is None


async def test_a_program_has_only_the_environment_that_is_given():
    assert "HOME" in os.environ
    printed = (await run("env")).output.decode().splitlines()
    assert sorted(printed) == sorted(f"{key}={value}" for key, value in ENVIRONMENT.items())
    own = await run("env", environment={"PATH": os.defpath, "WORD": "set"})
    assert sorted(own.output.decode().splitlines()) == [f"PATH={os.defpath}", "WORD=set"]


async def test_a_program_reads_nothing_from_standard_input():
    assert await run("cat") == Ended(code=0, output=b"", errors=b"")


async def test_no_shell_reads_the_arguments():
    assert (await run("echo", "$PATH;", "a  b")).output == b"$PATH; a  b\n"


async def test_what_a_pipe_is_given_can_be_read_there_and_nowhere_else():
    pipes = {3: b"secret", 5: b"x" * 100_000}
    ended = await run("sh", "-c", "cat /proc/$$/cmdline >&2; cat <&3; wc -c <&5", pipes=pipes)
    assert ended.output == b"secret100000\n"
    assert b"secret" not in ended.errors


async def test_a_pipe_that_the_program_does_not_read_harms_nobody():
    assert (await run("true", pipes={3: b"x" * 1_000_000})).code == 0


async def test_output_beyond_the_limit_is_thrown_away_and_the_program_goes_on():
    script = "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2; exit 4"
    ended = await run("sh", "-c", script)
    assert (len(ended.output), len(ended.errors)) == (MOST_OUTPUT_BYTES, MOST_OUTPUT_BYTES)
    assert ended.code == 4


async def test_a_program_that_is_not_there_is_named():
    with pytest.raises(ProgramFailed, match="no program no-such-program"):
        await run("no-such-program")
    with pytest.raises(ProgramFailed, match="no program setsid"):
        await run("/bin/true", environment={"PATH": "/nowhere"})


async def test_a_program_that_the_kernel_refuses_to_start_is_told():
    with pytest.raises(ProgramFailed, match=r"cannot be started: .*too long"):
        await run("echo", "x" * 10_000_000)


async def test_a_program_that_takes_too_long_is_killed_with_what_it_started(tmp_path):
    clock = Clock()
    file = tmp_path / "pids"
    script = f"echo began; sleep 100 & echo $! >{file}; exec sleep 100"
    running = Deferred.fromCoroutine(run("sh", "-c", script, seconds=5, clock=clock))
    await until(lambda: number_in(file) is not None)
    clock.advance(4.9)
    assert not running.called
    clock.advance(0.2)
    with pytest.raises(ProgramFailed, match=r"did not end within 5 s"):
        await running
    await until(lambda: not runs(number_in(file)))
    assert clock.getDelayedCalls() == []


async def test_the_last_words_of_a_program_that_took_too_long_are_told(tmp_path):
    file = tmp_path / "ready"
    clock = Clock()
    script = f"seq 100; echo the reason >&2; echo 1 >{file}; exec sleep 100"
    running = Deferred.fromCoroutine(run("sh", "-c", script, seconds=5, clock=clock))
    await until(lambda: number_in(file) is not None)
    await deferLater(reactor, 0.1)  # the reactor reads what is in the pipes
    clock.advance(5)
    with pytest.raises(ProgramFailed) as failure:
        await running
    assert failure.value.output == "the reason"


async def test_what_still_holds_the_output_of_a_program_that_ended_is_killed_too(tmp_path):
    own, held = tmp_path / "own", tmp_path / "held"
    clock = Clock()
    script = f"sleep 100 & echo $! >{held}; echo $$ >{own}"
    running = Deferred.fromCoroutine(run("sh", "-c", script, seconds=5, clock=clock))
    await until(lambda: number_in(own) is not None and not runs(number_in(own)))
    clock.advance(5)
    with pytest.raises(ProgramFailed, match="did not end within"):
        await running
    await until(lambda: not runs(number_in(held)))


async def test_who_escaped_from_the_group_and_holds_the_output_is_not_waited_for(tmp_path):
    file = tmp_path / "pid"
    clock = Clock()
    script = f"setsid sh -c 'echo $$ >{file}; exec sleep 100' &"
    running = Deferred.fromCoroutine(run("sh", "-c", script, seconds=5, clock=clock))
    await until(lambda: number_in(file) is not None)
    clock.advance(5)
    with pytest.raises(ProgramFailed, match="did not end within"):
        await running
    assert runs(number_in(file))
    os.kill(number_in(file), 9)


async def test_a_program_is_killed_when_the_wait_for_it_is_cancelled(tmp_path):
    file = tmp_path / "pids"
    script = f"sleep 100 & echo $! >{file}; exec sleep 100"
    running = Deferred.fromCoroutine(run("sh", "-c", script))
    await until(lambda: number_in(file) is not None)
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    await until(lambda: not runs(number_in(file)))


async def test_a_program_can_be_cancelled_as_soon_as_it_is_asked_for():
    running = Deferred.fromCoroutine(run("sleep", "100"))
    running.cancel()
    with pytest.raises(CancelledError):
        await running


async def test_programs_of_the_reactor_and_detached_ones_leave_each_other_alone(tmp_path):
    detached = start_detached(["sleep", "100"], log=tmp_path / "log")
    try:
        assert [(await run("sh", "-c", f"exit {code}")).code for code in (0, 1, 2)] == [0, 1, 2]
        assert is_alive(detached)
        running = Deferred.fromCoroutine(run("sh", "-c", "sleep 0.2; exit 7"))
        stop_program(detached, seconds=5)
        assert not is_alive(detached)
        assert (await running).code == 7
    finally:
        stop_program(detached, seconds=0)
