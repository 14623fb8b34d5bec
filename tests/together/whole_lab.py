"""A lab for tests that break it: in a network, whole, and gone afterwards without a trace."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from evenrack.lab.clocks import Clocks
from evenrack.lab.down import clean_up
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import Size
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.leftovers import leftovers
from evenrack.lab.progress import Progress
from evenrack.lab.record import read_record
from evenrack.lab.up import Wish, bring_up

CLOCKS = Clocks(seconds=time.monotonic, sleep=time.sleep, now=lambda: datetime.now(tz=UTC))
PROGRAMS = Path(sys.executable).parent


@contextmanager
def whole_lab(folder: Path, size: Size) -> Iterator[Trial]:
    """Bring a lab of this size up, to be tried, and leave nothing of it."""
    progress = Progress(say, CLOCKS)
    wish = Wish(
        directory=folder,
        size=size,
        retain=False,
        network=True,
        programs=PROGRAMS,
        owner_pid=os.getpid(),
    )
    fleet = bring_up(wish, progress, CLOCKS)
    failures: list[str] = []
    try:
        yield Trial(fleet, LabPrograms(fleet, PROGRAMS), CLOCKS, seed=0)
        failures = failures_logged(folder)
    finally:
        clean_up(folder, read_record(folder), progress)
    assert leftovers(folder) == []
    assert failures == [], "a daemon met what nobody had thought of"


def failures_logged(folder: Path) -> list[str]:
    """Give what the daemons of a lab logged as nothing that may happen, whatever was broken."""
    return [
        f"{log.name}: {line[:3000]}"
        for log in sorted(folder.glob("*/*d*.log"))
        for line in log.read_text().splitlines()
        if '"level": "critical"' in line
    ]


def say(line: str) -> None:
    """Tell it at once: with -s one sees each step."""
    print(line, flush=True)  # noqa: T201  a test that lasts tells how far it is
