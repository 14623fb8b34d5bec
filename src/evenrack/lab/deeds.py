"""What one can do to a running lab: kill, hang, cut, heal, restart, by target."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.bmc.state import owners_of_machines
from evenrack.lab.fleet import Fleet
from evenrack.lab.fleet_status import fleet_client, fleet_status
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.record import Record, read_record
from evenrack.lab.refusals import LabRefused
from evenrack.lab.targets import (
    CableTarget,
    OwnerTarget,
    PrimaryTarget,
    ProgramTarget,
    Target,
    needs_status,
    parse_target,
    resolve,
    resolve_cables,
)
from evenrack.runtime.child_process import is_alive

Deed = Literal["kill", "hang", "cut", "heal", "restart"]


@frozen(kw_only=True)
class Meant:
    """The programs and cables that a deed is done to."""

    programs: Sequence[str] = field(factory=list)
    cables: Sequence[str] = field(factory=list)

    @property
    def names(self) -> list[str]:
        return [*self.programs, *self.cables]


def running_lab(directory: Path) -> tuple[Record, Fleet]:
    """Find the lab in this folder, which must be up."""
    record = read_record(directory)
    if record is None or record.stage != "up":
        raise LabRefused(f"no lab runs in {directory}; `evenrack lab up` starts one")
    if record.keeper is not None and not is_alive(record.keeper.program):
        raise LabRefused(
            f"the network of the lab in {directory} is gone, for process "
            f"{record.keeper.program.pid} has ended; `evenrack lab down` removes the rest"
        )
    return record, record.fleet(directory)


def find_programs(text: str, fleet: Fleet, programs: LabPrograms) -> list[str]:
    """Name the programs that a target means at this moment."""
    target = parse_target(text)
    return resolve(target, fleet, _status_for(target, text, fleet, programs))


def find_meant(deed: Deed, text: str, fleet: Fleet, programs: LabPrograms) -> Meant:
    """Name what a deed at this target is done to."""
    target = parse_target(text)
    status = _status_for(target, text, fleet, programs)
    if deed == "cut" or isinstance(target, CableTarget):
        cables = resolve_cables(target, fleet, status)
        if deed not in {"cut", "heal"}:
            resolve(target, fleet, status)  # says why not
        return Meant(cables=cables)
    names = resolve(target, fleet, status)
    if deed == "heal" and fleet.network is not None and _is_host(target, fleet):
        return Meant(programs=names, cables=resolve_cables(target, fleet, status))
    return Meant(programs=names)


def all_that_was_killed(programs: LabPrograms) -> Meant:
    """Name every program that does not run."""
    return Meant(programs=programs.dead())


def all_that_heals(programs: LabPrograms) -> Meant:
    """Name everything that is paused or cut."""
    return Meant(programs=programs.hung(), cables=sorted(programs.cables_down()))


def what_changes(deed: Deed, meant: Meant, programs: LabPrograms) -> Meant:
    """Leave out what is so already: a program that does not run cannot be killed."""
    state = {running.target: running.state for running in programs.look()}
    before = {"kill": {"running", "hung"}, "hang": {"running"}, "heal": {"hung"}}.get(deed)
    names = [name for name in meant.programs if name in state]
    if before is not None:
        names = [name for name in names if state[name] in before]
    cables = meant.cables
    if cables:
        down = programs.cables_down()
        cables = [cable for cable in cables if (cable in down) is (deed == "heal")]
    return Meant(programs=names, cables=cables)


def do_deed(deed: Deed, meant: Meant, programs: LabPrograms) -> None:
    """Do it to all of them, the stopping ones before any is started again."""
    if deed == "cut":
        programs.cut(meant.cables)
        return
    if deed == "restart":
        for name in meant.programs:
            programs.stop(name)
        for name in meant.programs:
            programs.start(name)
        return
    act = {"kill": programs.kill, "hang": programs.hang, "heal": programs.heal}[deed]
    for name in meant.programs:
        act(name)
    if meant.cables:
        programs.mend(meant.cables)


def _is_host(target: Target, fleet: Fleet) -> bool:
    return not isinstance(target, ProgramTarget) or fleet.server(target.program) is not None


def _status_for(
    target: Target, text: str, fleet: Fleet, programs: LabPrograms
) -> dict[str, Any] | None:
    """Ask for the fleet's status when only that tells who is meant."""
    if isinstance(target, PrimaryTarget):
        return {"postgres": programs.primary}
    if not needs_status(target):
        return None
    client = fleet_client(fleet, last=programs.not_serving())
    status = fleet_status(client)
    if status is None:
        raise LabRefused(f'no region process answers, so nobody can say who is "{text}"')
    if not isinstance(target, OwnerTarget):
        return status
    try:
        return {**status, "owners": owners_of_machines(client)}
    except (RegionUnreachable, ApiRefused) as error:
        raise LabRefused(f'nobody can say who is "{text}": {error}') from error
