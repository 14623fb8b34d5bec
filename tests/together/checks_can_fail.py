"""Each check of the drill says no when its feature is broken; run by name: a test of the drill.

A lab is brought up whose daemons have a mistake planted, by small programs that stand for the real
ones; the product has no switch for it.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from os import getpid
from pathlib import Path

import pytest
from attrs import evolve

from evenrack.lab.clocks import Clocks
from evenrack.lab.down import clean_up
from evenrack.lab.drill.course import CHECKS, outcome_line, run_drill
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import Size
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.leftovers import leftovers
from evenrack.lab.progress import Progress
from evenrack.lab.record import read_record
from evenrack.lab.up import Wish, bring_up
from tests.together.broken_feature import Broken
from tests.together.broken_features import BROKEN, CYCLES_FIND
from tests.together.chaos_run import ChaosFound, live_through
from tests.together.cycle_judge import what_is_wrong
from tests.together.cycle_plan import draw_round
from tests.together.cycle_run import cycle_through, size_for

pytestmark = pytest.mark.daemon

CLOCKS = Clocks(seconds=time.monotonic, sleep=time.sleep, now=lambda: datetime.now(tz=UTC))
PROGRAMS = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
STARTS = {
    "evenrack-regiond": ("region_mistakes", "evenrack.region.main"),
    "evenrack-rackd": ("rack_mistakes", "evenrack.rack.main"),
}
"""Each daemon: where its mistakes are, and its program."""
_START = """\
#!{python}
import sys
sys.path.insert(0, "{root}")
from tests.together import {mistakes}
from {program} import main
getattr({mistakes}, "{mistake}", lambda: None)()
sys.exit(main())
"""


CHAOS = Size(region_hosts=2, processes=2, racks=4, vlans=4, clients=0, bmcs=0)
CHAOS_SECONDS = 60.0
CHAOS_FINDS = (
    ("roles_move_at_once", 2, r"moved without cause: dhcp (primary|secondary) vlan\d"),
    ("server_stops_with_its_daemon", 22, r"rack\d/dhcpd was process \d+ and is \d+"),
    ("nothing_moves_by_itself", 29, r"not settled after .* outside the band"),
)
"""What a course of chaos finds in its first steps: the mistake, a seed, and what is said of it."""


CYCLES = size_for(20)


class EnoughSeen(Exception):
    """Every check that was wanted has said what it has to say."""


def name_of(broken: Broken) -> str:
    """Give the name of a test: the mistake, and the first check that must find it."""
    return f"{broken.mistake}: {next(iter(broken.found_by))}"


@pytest.mark.parametrize("broken", [it for it in BROKEN if not it.network], ids=name_of)
def test_without_network_a_check_says_no(broken, tmp_path):
    refuse_blind_checks(broken, tmp_path)


@pytest.mark.usefixtures("network_possible")
@pytest.mark.parametrize("broken", [it for it in BROKEN if it.network], ids=name_of)
def test_in_network_a_check_says_no(broken, tmp_path):
    refuse_blind_checks(broken, tmp_path)


@pytest.mark.usefixtures("network_possible")
@pytest.mark.parametrize(
    ("mistake", "seed", "reason"), CHAOS_FINDS, ids=[mistake for mistake, *_ in CHAOS_FINDS]
)
def test_in_network_chaos_says_no(mistake, seed, reason, tmp_path):
    broken = Broken(mistake=mistake, found_by={"chaos": reason}, size=CHAOS, network=True)
    programs = planted(mistake, tmp_path / "programs")
    with (
        lab(broken, tmp_path / "lab", programs) as trial,
        pytest.raises(ChaosFound, match=reason) as found,
    ):
        live_through(trial, seed, CHAOS_SECONDS, print)
    print(found.value)  # noqa: T201  with -s one sees what it says


@pytest.mark.usefixtures("network_possible")
@pytest.mark.parametrize(
    ("mistake", "seed", "reason"), CYCLES_FIND, ids=[mistake for mistake, *_ in CYCLES_FIND]
)
def test_in_network_cycles_say_no(mistake, seed, reason, tmp_path):
    broken = Broken(mistake=mistake, found_by={"cycles": reason}, size=CYCLES, network=True)
    programs = planted(mistake, tmp_path / "programs")
    with lab(broken, tmp_path / "lab", programs) as trial:
        plan = draw_round(seed, [bmc.machine for bmc in trial.fleet.bmcs])
        lived = cycle_through(trial, plan)
        wrong = what_is_wrong(lived.runs, lived.orders)
    print("\n".join(wrong))  # noqa: T201  with -s one sees what it says
    assert any(re.search(reason, line) for line in wrong)


def refuse_blind_checks(broken: Broken, folder: Path) -> None:
    """See each check fail that must find the mistake, and for the reason meant."""
    programs = planted(broken.mistake, folder / "programs")
    with lab(broken, folder / "lab", programs) as trial:
        seen = drilled(broken, trial)
    blind = {
        name: seen.get(name, "it did not run")
        for name, reason in broken.found_by.items()
        if name not in seen or seen[name].ok or not re.search(reason, seen[name].detail)
    }
    assert blind == {}


def planted(mistake: str, folder: Path) -> Path:
    """Make programs that begin with this mistake, beside an interpreter as a lab expects it."""
    folder.mkdir()
    texts = {
        name: _START.format(
            python=sys.executable, root=ROOT, mistakes=mistakes, program=program, mistake=mistake
        )
        for name, (mistakes, program) in STARTS.items()
    }
    interpreter = Path(sys.executable)
    texts[interpreter.name] = f'#!/bin/sh\nexec "{interpreter}" "$@"\n'
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@contextmanager
def lab(broken: Broken, folder: Path, programs: Path) -> Iterator[Trial]:
    """Bring a lab up for a broken feature, and leave nothing of it."""
    from_the_start = broken.moment == "from the start"
    wish = Wish(
        directory=folder,
        size=broken.size,
        retain=False,
        network=broken.network,
        programs=programs if from_the_start else PROGRAMS,
        owner_pid=getpid(),
    )
    progress = Progress(lambda _line: None, CLOCKS)
    fleet = bring_up(wish, progress, CLOCKS)
    try:
        trial = Trial(fleet, LabPrograms(fleet, programs), CLOCKS, seed=0)
        if broken.moment == "when it is up":
            for process in fleet.processes:
                trial.programs.stop(process.name)
                trial.programs.start(process.name)
        yield trial
    finally:
        clean_up(folder, read_record(folder), progress)
    assert leftovers(folder) == []


def drilled(broken: Broken, trial: Trial):
    """Run the checks that must find it; the drill's last one only when it is among them."""
    seen = {}

    def told(outcome):
        print(outcome_line(outcome))  # noqa: T201  with -s one sees what they say
        seen[outcome.name] = outcome
        if broken.found_by.keys() <= seen.keys():
            raise EnoughSeen

    checks = [
        evolve(check, limit_seconds=min(check.limit_seconds, broken.most_seconds))
        for check in CHECKS
        if check.name in broken.found_by
    ]
    with suppress(EnoughSeen):
        run_drill(checks, trial, told)
    return seen
