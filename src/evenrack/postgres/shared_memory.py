"""The one thing of a killed server that is outside its folder: a System V memory segment.

It holds no data; PostgreSQL uses it to see whether processes of a dead server still live, and
frees it at the next start. A killed server that is removed has no next start.
"""

from pathlib import Path

from evenrack.postgres.server_processes import read_pid_file
from evenrack.runtime.child_process import run_program
from evenrack.runtime.process_table import PROC

SEGMENTS = PROC / "sysvipc" / "shm"
FREE_SECONDS = 10.0


def free_shared_memory(data: Path) -> None:
    """Free the segment named in a left postmaster.pid, if it still is that server's and unused."""
    left = read_pid_file(data)
    if left is None or left.segment is None or not SEGMENTS.exists():
        return
    if any(_is_unused(line, left.segment) for line in SEGMENTS.read_text().splitlines()[1:]):
        run_program(["ipcrm", "--shmem-id", str(left.segment[1])], seconds=FREE_SECONDS)


def _is_unused(line: str, segment: tuple[int, int]) -> bool:
    """Compare key and number: the key comes from the data folder's inode."""
    key, number, _, _, _, _, attached = (int(part) for part in line.split()[:7])
    return (key, number) == segment and attached == 0
