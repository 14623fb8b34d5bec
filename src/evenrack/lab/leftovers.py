"""Programs of a lab that lab.json does not name, because the command that started them was killed.

A process counts only when it is one of our programs and one of its arguments lies in the lab's
folder: an operator's `tail -f` of a log is left alone.
"""

from pathlib import Path

from evenrack.runtime.child_process import ProgramId
from evenrack.runtime.process_table import PROC, all_processes

_OURS = frozenset({"evenrack-regiond", "evenrack-rackd", "postgres", "initdb", "pg_ctl"})
_WRAPPERS = 12  # an interpreter, or unshare and its options, may stand before the program


def leftovers(directory: Path) -> list[ProgramId]:
    """Every living process of this lab, whoever started it."""
    return [
        ProgramId(row.pid, row.started)
        for row in all_processes()
        if not row.ended and belongs_to(_arguments(row.pid), directory)
    ]


def belongs_to(arguments: list[str], directory: Path) -> bool:
    """Whether a command line is one of our programs at work in the lab's folder."""
    inside = f"{directory}/"
    return any(argument.startswith(inside) for argument in arguments) and any(
        Path(argument).name in _OURS for argument in arguments[:_WRAPPERS]
    )


def _arguments(pid: int) -> list[str]:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return words.decode(errors="replace").split("\0")
