"""Nobody else's folder is touched, and a lab's folder is found where it should be."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evenrack.cli.lab_folder import default_folder
from evenrack.lab.clocks import Clocks
from evenrack.lab.down import take_down
from evenrack.lab.fleet import Size
from evenrack.lab.progress import Progress
from evenrack.lab.record import Record, record_path, write_record
from evenrack.lab.refusals import LabRefused
from evenrack.lab.up import Wish, bring_up
from evenrack.runtime.child_process import ProgramId, identify


class Told:
    """A clock of its own, and what was said."""

    def __init__(self):
        self.lines = []
        self.seconds = 0.0
        self.clocks = Clocks(
            seconds=lambda: self.seconds,
            sleep=self.sleep,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )

    def sleep(self, seconds):
        self.seconds += seconds

    def progress(self):
        return Progress(self.lines.append, self.clocks)


@pytest.fixture
def told():
    return Told()


def wish(directory, **changes):
    parts = {
        "size": Size(),
        "retain": False,
        "network": False,
        "programs": Path("/nowhere"),
        "owner_pid": os.getpid(),
    }
    return Wish(directory=directory, **(parts | changes))


def record(stage, owner, *, retain=False):
    return Record(
        network=False, number=1, size=Size(racks=1), retain=retain, stage=stage, owner=owner
    )


def down(directory, told):
    take_down(directory, told.progress(), told.lines.append)


def test_down_of_nothing_is_no_error(tmp_path, told):
    down(tmp_path / "none", told)
    assert told.lines == [f"no lab in {tmp_path / 'none'}: nothing to do"]


def test_a_folder_without_the_mark_is_never_touched(tmp_path, told):
    (tmp_path / "mine.txt").write_text("keep")
    down(tmp_path, told)
    with pytest.raises(LabRefused, match="is not a lab's"):
        bring_up(wish(tmp_path), told.progress(), told.clocks)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_lab_that_is_being_brought_up_is_left_alone(tmp_path, told):
    write_record(tmp_path, record("starting", identify(os.getpid())))
    with pytest.raises(LabRefused, match="is bringing up"):
        down(tmp_path, told)
    with pytest.raises(LabRefused, match="is bringing up"):
        bring_up(wish(tmp_path), told.progress(), told.clocks)
    assert record_path(tmp_path).exists()


def test_a_lab_whose_owner_is_gone_is_cleaned(tmp_path, told):
    mine = identify(os.getpid())
    somebody_else = ProgramId(mine.pid, mine.started - 1)  # our number, used again
    (tmp_path / "lab").mkdir()
    write_record(tmp_path / "lab", record("starting", somebody_else))
    down(tmp_path / "lab", told)
    assert not (tmp_path / "lab").exists()


def test_a_kept_lab_stays_when_it_goes_down(tmp_path, told):
    write_record(tmp_path, record("up", ProgramId(1, 0), retain=True))
    (tmp_path / "rack1").mkdir()
    down(tmp_path, told)
    assert (tmp_path / "rack1").exists()
    assert "kept" in told.lines[-1]


def test_a_lab_that_runs_is_not_brought_up_again(tmp_path, told):
    running = record("up", ProgramId(1, 0))
    programs = {"rack1/rackd": identify(os.getpid())}
    write_record(tmp_path, Record(**{**fields(running), "programs": programs}))
    with pytest.raises(LabRefused, match="already runs"):
        bring_up(wish(tmp_path), told.progress(), told.clocks)


def test_a_bad_size_makes_no_folder(tmp_path, told):
    with pytest.raises(LabRefused, match="1 to 99"):
        bring_up(wish(tmp_path / "lab", size=Size(processes=0)), told.progress(), told.clocks)
    assert not (tmp_path / "lab").exists()


def test_the_default_folder_follows_the_environment():
    assert default_folder({"XDG_STATE_HOME": "/state"}) == Path("/state/evenrack/lab")
    assert default_folder({"HOME": "/home/a"}) == Path("/home/a/.local/state/evenrack/lab")
    with pytest.raises(LabRefused, match="give --dir"):
        default_folder({})


def test_progress_tells_seconds_of_each_step_and_of_all(told):
    progress = told.progress()
    with progress.step("one"):
        told.sleep(1.5)

    def fail():
        with progress.step("two"):
            told.sleep(0.5)
            raise LabRefused("no")

    with pytest.raises(LabRefused):
        fail()
    progress.total("all")
    assert told.lines == [
        "[lab]   1.5 s  one",
        "[lab]   0.5 s  two: failed",
        "[lab]   2.0 s  all",
    ]


def fields(value):
    return {
        name: getattr(value, name)
        for name in ("network", "number", "size", "retain", "stage", "owner")
    }
