"""What one can do to a running lab: kill, hang, heal, restart, by target."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from evenrack.lab.fleet import Fleet
from evenrack.lab.fleet_status import fleet_client, fleet_status
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.record import Record, read_record
from evenrack.lab.refusals import LabRefused
from evenrack.lab.targets import needs_status, parse_target, resolve

Deed = Literal["kill", "hang", "heal", "restart"]


def running_lab(directory: Path) -> tuple[Record, Fleet]:
    """Find the lab in this folder, which must be up."""
    record = read_record(directory)
    if record is None or record.stage != "up":
        raise LabRefused(f"no lab runs in {directory}; `evenrack lab up --no-net` starts one")
    return record, record.fleet(directory)


def find_programs(text: str, fleet: Fleet) -> list[str]:
    """Name the programs that a target means at this moment."""
    target = parse_target(text)
    status = None
    if needs_status(target):
        status = fleet_status(fleet_client(fleet))
        if status is None:
            raise LabRefused(f'no region process answers, so nobody can say who is "{text}"')
    return resolve(target, fleet, status)


def do_deed(deed: Deed, names: Sequence[str], programs: LabPrograms) -> None:
    """Do it to all of them, the stopping ones before any is started again."""
    if deed == "restart":
        for name in names:
            programs.stop(name)
        for name in names:
            programs.start(name)
        return
    act = {"kill": programs.kill, "hang": programs.hang, "heal": programs.heal}[deed]
    for name in names:
        act(name)


def heal_everything(programs: LabPrograms) -> list[str]:
    """Let everything go on that is paused; name what was."""
    hung = programs.hung()
    for name in hung:
        programs.heal(name)
    return hung
