"""How much of the processors programs have used: a noisy machine changes it less than time."""

import resource
from collections.abc import Iterable
from pathlib import Path


def own_cpu() -> float:
    """Give the seconds that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(processes: Iterable[int]) -> dict[int, float]:
    """Give the seconds that each of these processes has used; those that have ended are left out.

    For processes without threads, such as PostgreSQL's: it is the first thread's.
    """
    found = {}
    for pid in processes:
        try:
            nanoseconds = Path(f"/proc/{pid}/schedstat").read_text().split()[0]
        except OSError:
            continue
        found[pid] = int(nanoseconds) / 1e9
    return found


def more(before: dict[int, float], after: dict[int, float]) -> float:
    """Give what was used between two readings."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())
