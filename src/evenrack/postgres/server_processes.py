"""Which processes belong to a server, found from its folder alone."""

import os
from pathlib import Path

from attrs import frozen

from evenrack.runtime.child_process import ProgramId
from evenrack.runtime.process_table import (
    PROC,
    ProcessRow,
    all_processes,
    descendants,
    read_process,
)

SERVER = "postgres"
MAKING = (SERVER, "initdb", "pg_basebackup", "unshare", "setpriv")  # the last two become others
SEGMENT_LINE = 6  # of postmaster.pid, counted from 0: key and number of shared memory
SEGMENT_WORDS = 2
STATE_LINE = 7


@frozen(kw_only=True)
class PidFile:
    """What the server's first process (the postmaster) says of itself in postmaster.pid."""

    pid: int
    ready: bool
    segment: tuple[int, int] | None = None


def unfinished_data(data: Path) -> Path:
    """Name the folder in which initdb works, until it is whole and gets the data folder's name."""
    return data.with_name(f"{data.name}.new")


def read_pid_file(data: Path) -> PidFile | None:
    """Read what the server wrote; nothing when it wrote nothing, or not enough yet."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    if not lines or not lines[0].strip().isdecimal():
        return None
    state = lines[STATE_LINE].strip() if len(lines) > STATE_LINE else ""
    return PidFile(
        pid=int(lines[0]),
        ready=state == "ready",
        segment=_segment(lines[SEGMENT_LINE]) if len(lines) > SEGMENT_LINE else None,
    )


def _segment(line: str) -> tuple[int, int] | None:
    numbers = [int(word) for word in line.split() if word.isdecimal()]
    return (numbers[0], numbers[1]) if len(numbers) == SEGMENT_WORDS else None


def postmaster_of(data: Path) -> ProgramId | None:
    """Find the living first process; a number left by a killed one counts for nothing."""
    written = read_pid_file(data)
    row = None if written is None else read_process(written.pid)
    if row is None or row.ended or row.name != SERVER:
        return None
    if not _works_in(row, data, unknown=True):
        return None
    return ProgramId(row.pid, row.started)


def processes_of(data: Path) -> list[ProcessRow]:
    """List the server's living processes, the first one first, orphans of a killed one too.

    Each of them leads a session of its own, so no process group holds them together. What does
    is the tree below the first process, and the data folder, in which all of them work. An
    initdb or pg_basebackup whose starter was killed goes on alone, and counts too.
    """
    rows = all_processes()
    first = postmaster_of(data)
    tree: list[ProcessRow] = []
    if first is not None:
        tree = [row for row in rows if row.pid == first.pid] + descendants(first.pid, rows)
    known = {row.pid for row in tree}
    rest = [row for row in rows if row.pid not in known]
    orphans = [row for row in rest if row.name == SERVER and _works_in(row, data, unknown=False)]
    unfinished = unfinished_data(data)
    makers = [row for row in rest if row.name in MAKING]
    makers = [row for row in makers if _works_in(row, unfinished, unknown=False)]
    return [row for row in (*tree, *orphans, *makers) if not row.ended]


def _works_in(row: ProcessRow, folder: Path, *, unknown: bool) -> bool:
    """Say whether a process's working folder is this one.

    From another user namespace the kernel may not tell; then the answer is `unknown`.
    """
    try:
        return os.path.samestat((PROC / str(row.pid) / "cwd").stat(), folder.stat())
    except PermissionError:
        return unknown
    except OSError:
        return False
