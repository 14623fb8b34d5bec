"""What the kernel says about the processes of this machine."""

from pathlib import Path

from attrs import frozen

PROC = Path("/proc")
LOWEST_FIELDS = 20  # of /proc/PID/stat after the name: up to the start time


@frozen(kw_only=True)
class ProcessRow:
    """One process, as its /proc/PID/stat shows it."""

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    started: int

    @property
    def ended(self) -> bool:
        """A zombie has ended; only its parent has not looked yet."""
        return self.state in "ZX"

    @property
    def stopped(self) -> bool:
        return self.state in "Tt"


def read_process(pid: int) -> ProcessRow | None:
    """Look one process up; nothing when there is none, or no longer."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return _parse(pid, text)


def all_processes() -> list[ProcessRow]:
    """List every process that this one can see, zombies too."""
    found = (read_process(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdecimal())
    return [row for row in found if row is not None]


def resident_mebibytes(pid: int) -> float:
    """Say how much memory a process has in use; nothing when there is none, or no longer."""
    try:
        status = (PROC / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def descendants(pid: int, rows: list[ProcessRow]) -> list[ProcessRow]:
    """List the children of a process, their children, and so on."""
    found: list[ProcessRow] = []
    parents = {pid}
    while parents:
        below = [row for row in rows if row.parent in parents and row not in found]
        found.extend(below)
        parents = {row.pid for row in below}
    return found


def _parse(pid: int, text: str) -> ProcessRow | None:
    # The name stands in parentheses and may itself hold blanks and parentheses.
    start, _, rest = text.rpartition(")")
    fields = rest.split()
    if len(fields) < LOWEST_FIELDS:
        return None
    return ProcessRow(
        pid=pid,
        name=start.partition("(")[2],
        state=fields[0],
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started=int(fields[19]),
    )
