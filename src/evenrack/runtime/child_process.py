"""Start programs, watch them and end them, with everything they started themselves.

This is the only user of subprocess. Nothing here needs a reactor, and nothing waits by sleeping:
the kernel says when a process ends.
"""

import os
import select
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from evenrack.errors import ProgramFailed
from evenrack.runtime.process_table import ProcessRow, all_processes, read_process

LAST_LINES = 20
SLICE_SECONDS = 0.05
AFTER_KILL_SECONDS = 5.0


@frozen
class ProgramId:
    """One run of one program: the start time tells it from a later process with its number."""

    pid: int
    started: int


def run_program(
    arguments: Sequence[str],
    *,
    seconds: float,
    input_text: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str:
    """Run a program to its end and return what it printed.

    The environment, when given, is the whole one. A program that fails, or takes longer, is
    `ProgramFailed` with its last words; whatever it started in its process group ends with it.
    """
    command = shlex.join(arguments)
    given = subprocess.DEVNULL if input_text is None else subprocess.PIPE
    streams = {"stdin": given, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with _held_interrupts() as let_interrupts_go:
        process = _start(arguments, environment, directory, streams)
        program = _identity(process)
        with process:
            try:
                let_interrupts_go()
                printed, complaints = process.communicate(_encoded(input_text), timeout=seconds)
            except subprocess.TimeoutExpired:
                raise ProgramFailed(
                    command, f"did not end within {seconds:g} s", _words_of_killed(process, program)
                ) from None
            except BaseException:
                # Ctrl-C does not reach a program in a session of its own: hand it on.
                _words_of_killed(process, program)
                raise
    if process.returncode != 0:
        last_words = _last_lines(complaints) or _last_lines(printed)
        raise ProgramFailed(command, _outcome(process.returncode), last_words)
    return printed.decode(errors="replace")


def _start(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None,
    directory: Path | None,
    streams: Mapping[str, Any],
) -> subprocess.Popen[bytes]:
    """Start it in a session of its own; ProgramFailed."""
    started: subprocess.Popen[bytes]
    try:
        started = subprocess.Popen(  # noqa: S603  a list, no shell
            list(arguments),
            env=None if environment is None else dict(environment),
            cwd=directory,
            start_new_session=True,
            **streams,
        )
    except OSError as error:
        command = shlex.join(arguments)
        raise ProgramFailed(command, f"cannot be started: {error}", "") from error
    return started


@contextmanager
def _held_interrupts() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C wait while a program is started, for nobody could end it yet; gives the end of it.

    Only the main thread hears of it, and only a handler in Python can be held.
    """
    came: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()

    def let_go() -> None:
        if signal.getsignal(signal.SIGINT) is hold:
            signal.signal(signal.SIGINT, before)
            if came:
                signal.raise_signal(signal.SIGINT)

    def hold(number: int, _frame: object) -> None:
        came.append(number)

    if is_main and callable(before):
        signal.signal(signal.SIGINT, hold)
    try:
        yield let_go
    finally:
        let_go()


def start_detached(
    arguments: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> ProgramId:
    """Start a program that goes on without this one: own session, no input, output to its log."""
    with log.open("ab") as output:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        process = _start(arguments, environment, directory, streams)
    program = _identity(process)
    # This object would complain at its end that the program still runs, which is what we want.
    process.returncode = 0
    return program


def identify(pid: int) -> ProgramId | None:
    """Name the process that has this number now."""
    row = read_process(pid)
    return None if row is None or row.ended else ProgramId(pid, row.started)


def is_alive(program: ProgramId) -> bool:
    """Say whether this very program still runs; a zombie does not."""
    row = read_process(program.pid)
    if row is None or row.started != program.started:
        return False
    if row.ended:
        _reap(row)
        return False
    return True


def send_signal(program: ProgramId, number: signal.Signals) -> bool:
    """Signal this very program; False when it is gone."""
    descriptor = _open(program)
    if descriptor is None:
        return False
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_until_ended(programs: Iterable[ProgramId], *, seconds: float) -> list[ProgramId]:
    """Wait for the programs to end, and return those that still run after the time given."""
    waiting: dict[int, ProgramId] = {}
    poller = select.poll()
    try:
        for program in programs:
            descriptor = _open(program)
            if descriptor is not None:
                waiting[descriptor] = program
                poller.register(descriptor, select.POLLIN)
        left = seconds
        while waiting and left >= 0:
            ended = poller.poll(int(min(left, SLICE_SECONDS) * 1000))
            for descriptor, _ in ended:
                poller.unregister(descriptor)
                os.close(descriptor)
                is_alive(waiting.pop(descriptor))  # reaps it when it was our child
            if not ended:  # time is counted in slices in which nothing ended: no clock needed
                left -= SLICE_SECONDS
        return list(waiting.values())
    finally:
        for descriptor in waiting:
            os.close(descriptor)


def stop_program(program: ProgramId, *, seconds: float) -> None:
    """End a program and all of its session: politely first, by force after the time given."""
    members = _session_of(program)
    for number in (signal.SIGTERM, signal.SIGCONT):  # a paused one could not obey
        for member in members:
            send_signal(member, number)
    wait_until_ended(members, seconds=seconds)
    survivors = _session_of(program)
    for member in survivors:
        send_signal(member, signal.SIGKILL)
    stuck = wait_until_ended(survivors, seconds=AFTER_KILL_SECONDS)
    if stuck:
        numbers = ", ".join(str(member.pid) for member in stuck)
        raise ProgramFailed(f"process {numbers}", "does not end, not even when killed", "")


def _session_of(program: ProgramId) -> list[ProgramId]:
    """List what runs in the session or process group that the program leads, and itself.

    Its number is not given to a new process while the group has members. So a different process
    with that number shows that nothing of the program is left.
    """
    rows = all_processes()
    leader = next((row for row in rows if row.pid == program.pid), None)
    if leader is not None and leader.started != program.started:
        return []
    return [
        ProgramId(row.pid, row.started)
        for row in rows
        if program.pid in {row.pid, row.session, row.group} and not row.ended
    ]


def _open(program: ProgramId) -> int | None:
    """Take hold of the process; from then on its number cannot come to mean another one."""
    try:
        descriptor = os.pidfd_open(program.pid)
    except OSError:
        return None
    if is_alive(program):
        return descriptor
    os.close(descriptor)
    return None


def _reap(row: ProcessRow) -> None:
    """Take a zombie of ours out of the process table."""
    if row.parent != os.getpid():
        return
    try:
        os.waitpid(row.pid, os.WNOHANG)
    except ChildProcessError:
        return


def _identity(process: subprocess.Popen[bytes]) -> ProgramId:
    """Name a program just started; ended or not, it is in the table until it is reaped."""
    row = read_process(process.pid)
    return ProgramId(process.pid, 0 if row is None else row.started)


def _words_of_killed(process: subprocess.Popen[bytes], program: ProgramId) -> str:
    """Kill a program with its session and return its last words."""
    members = _session_of(program)
    for member in members:
        send_signal(member, signal.SIGKILL)
    # The program itself is left to communicate(), which must see how it ended.
    wait_until_ended(set(members) - {program}, seconds=AFTER_KILL_SECONDS)
    try:
        printed, complaints = process.communicate(timeout=AFTER_KILL_SECONDS)
    except subprocess.TimeoutExpired:  # something that left the group still holds the pipe
        return ""
    return _last_lines(complaints) or _last_lines(printed)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _last_lines(output: bytes) -> str:
    return "\n".join(output.decode(errors="replace").strip().splitlines()[-LAST_LINES:])


def _outcome(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"
