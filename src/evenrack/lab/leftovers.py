"""Programs of a lab that lab.json does not name, because the command that started them was killed.

A process counts only when it is one of our programs and works in the lab's folder, or has an
argument there: an operator's `tail -f` of a log is left alone.
"""

from pathlib import Path

from evenrack.lab.bmc.chassis import PROGRAM
from evenrack.lab.bmc.simulator import SIMULATOR
from evenrack.lab.network.keeper import KEEPER
from evenrack.lab.traffic.power_program import POWER_MODULE
from evenrack.lab.traffic.program import CROWD_MODULE, TRAFFIC_MODULE
from evenrack.runtime.child_process import ProgramId
from evenrack.runtime.process_table import PROC, all_processes

_OURS = frozenset(
    {
        *("evenrack-regiond", "evenrack-rackd", "postgres", "initdb", "pg_basebackup", "pg_ctl"),
        *(KEEPER, TRAFFIC_MODULE, CROWD_MODULE, POWER_MODULE, "dhcpd", SIMULATOR, PROGRAM.name),
    }
)
_WRAPPERS = (
    20  # an interpreter, or nsenter, unshare and their options, may stand before the program
)


def leftovers(directory: Path) -> list[ProgramId]:
    """List every living process of this lab, whoever started it."""
    return [
        ProgramId(row.pid, row.started)
        for row in all_processes()
        if not row.ended and belongs_to(_arguments(row.pid), _folder(row.pid), directory)
    ]


def belongs_to(arguments: list[str], folder: Path | None, directory: Path) -> bool:
    """Tell whether a command line is one of our programs at work in the lab's folder."""
    if not any(Path(argument).name in _OURS for argument in arguments[:_WRAPPERS]):
        return False
    if folder is not None and folder.is_relative_to(directory):
        return True
    return any(argument.startswith(f"{directory}/") for argument in arguments)


def _arguments(pid: int) -> list[str]:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return words.decode(errors="replace").split("\0")


def _folder(pid: int) -> Path | None:
    try:
        return (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None
