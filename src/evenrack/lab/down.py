"""Taking a lab down: every process of it ends, and its folder goes."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from attrs import evolve

from evenrack.lab.lab_programs import STOP_SECONDS, server_group
from evenrack.lab.leftovers import leftovers
from evenrack.lab.progress import Progress
from evenrack.lab.record import Record, read_record, write_record
from evenrack.lab.refusals import LabFailed, LabRefused
from evenrack.runtime.child_process import (
    ProgramId,
    is_alive,
    send_signal,
    wait_until_ended,
)

KILL_SECONDS = 5.0


def take_down(directory: Path, progress: Progress, say: Callable[[str], None]) -> None:
    """End the lab in this folder; one that is not there is no error."""
    record = read_record(directory)
    if record is None:
        say(f"no lab in {directory}: nothing to do")
        return
    refuse_while_starting(directory, record)
    clean_up(directory, record, progress)
    if record.retain:
        say(
            f"kept {directory} (--retain): `evenrack lab up` uses it again, "
            f"`rm -r {directory}` removes it"
        )


def refuse_while_starting(directory: Path, record: Record) -> None:
    """Another command that is bringing the lab up must not lose it under its hands."""
    if record.stage == "starting" and is_alive(record.owner):
        raise LabRefused(
            f"`evenrack lab up` (pid {record.owner.pid}) is bringing up the lab in {directory}; "
            "wait for it, or stop it with Ctrl-C"
        )


def clean_up(directory: Path, record: Record, progress: Progress) -> None:
    """End every process of the lab, then remove its folder unless it is to be kept."""
    with progress.step("daemons stopped"):
        _stop_together(list(record.programs.values()))
    with progress.step("PostgreSQL stopped"):
        _stop_postgres(directory, record)
    if record.keeper is not None:
        with progress.step("network removed"):
            _stop_together([record.keeper.program])
    survivors = leftovers(directory)
    _stop_together(survivors)
    if still_there := leftovers(directory):
        numbers = ", ".join(str(program.pid) for program in still_there)
        raise LabFailed(f"processes of the lab in {directory} do not end: {numbers}")
    if record.retain:
        write_record(directory, evolve(record, stage="down", programs={}, keeper=None))
        return
    with progress.step(f"{directory} removed"):
        shutil.rmtree(directory)


def _stop_together(programs: list[ProgramId]) -> None:
    """All at once: one after the other would move every rack several times."""
    for number in (signal.SIGTERM, signal.SIGCONT):  # a paused one could not obey
        for program in programs:
            send_signal(program, number)
    for program in wait_until_ended(programs, seconds=STOP_SECONDS):
        send_signal(program, signal.SIGKILL)
    wait_until_ended(programs, seconds=KILL_SECONDS)


def _stop_postgres(directory: Path, record: Record) -> None:
    group = server_group(record.fleet(directory), record)
    if record.retain:
        group.stop_all()
    else:
        group.remove_all()
