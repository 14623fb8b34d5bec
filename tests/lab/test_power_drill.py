"""The checks of power can say no: each question is shown a promise that is broken."""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from evenrack.lab.clocks import Clocks
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power.power_sight import Ordered, refuse_not_done, refuse_told, told_words
from evenrack.lab.drill.sight import uneven_owners
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.record import Record, write_record
from evenrack.runtime.child_process import ProgramId
from tests.cli.small_api import small_api

RACKS = ("rack1", "rack2", "rack3")
RECORD = Record(
    network=False,
    number=1,
    size=Size(bmcs=1),
    retain=False,
    stage="up",
    owner=ProgramId(1, 2),
)
ROW = {"machine": "m1", "action": "cycle", "rack": "rack2", "phase": "OFF_SENT", "error": None}


@pytest.fixture
def fleet(tmp_path):
    fleet = lay_out(tmp_path, InNamespaces(keeper=None), Size(bmcs=1))
    fleet.bmcs[0].folder.mkdir(parents=True)
    return fleet


@pytest.fixture
def bmc(fleet):
    return fleet.bmcs[0]


def tell(bmc, *words):
    with (bmc.folder / "told").open("a") as file:
        file.writelines(f"1.0 power {word}\n" for word in words)


def test_p11_what_nobody_owns_is_nobodys_load_and_without_racks_nothing_is_uneven():
    assert uneven_owners({"b1": None, "b2": None, "b3": "rack1"}, RACKS) is None
    assert uneven_owners({}, ()) is None


@pytest.mark.parametrize(
    ("loads", "said"),
    [
        ((4, 4, 4), None),
        ((5, 4, 4), None),
        ((5, 4, 3), "rack1 owns 5 BMCs and rack3 owns 3: outside the band"),
        ((13, 12, 11), None),
        ((3, 0, 0), "rack1 owns 3 BMCs and rack2 owns 0: outside the band"),
    ],
)
def test_p11_racks_that_own_too_unlike_numbers_are_seen(loads, said):
    pairs = zip(RACKS, loads, strict=True)
    owned = [rack for rack, load in pairs for _ in range(load)]
    found = {f"b{number}": rack for number, rack in enumerate(owned)}
    assert uneven_owners(found, RACKS) == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"result": "failed", "error": "no answer"}, r"m1 by rack2: failed \(no answer\)"),
        ({"result": "unknown"}, r"unknown \(no error\)"),
        ({"result": None}, "still at OFF_SENT"),
        ({"result": None, "rack": None}, "by nobody"),
    ],
)
def test_p10_an_order_that_is_not_done_is_seen(row, said):
    refuse_not_done([{**ROW, "result": "ok"}], 1.0)
    with pytest.raises(CheckFailed, match=said) as failed:
        refuse_not_done([{**ROW, "result": "ok"}, {**ROW, **row}], 1.0)
    assert failed.value.seconds == pytest.approx(1.0)


def test_p28_what_a_bmc_was_told_besides_or_not_is_seen(bmc):
    refuse_told(bmc, 0, (), 1.0)
    with pytest.raises(CheckFailed, match="b1 was told nothing, not on"):
        refuse_told(bmc, 0, ("on",), 1.0)
    tell(bmc, 0, 1)
    refuse_told(bmc, 0, ("off", "on"), 1.0)
    before = len(told_words(bmc))
    tell(bmc, 0, 1, 0)
    with pytest.raises(CheckFailed, match="b1 was told off, on, off, not off, on"):
        refuse_told(bmc, before, ("off", "on"), 1.0)
    with pytest.raises(CheckFailed, match="not nothing"):
        refuse_told(bmc, before, (), 1.0)


def test_a_bmc_is_slow_from_when_its_order_is_taken_and_quick_before(fleet, bmc):
    path, was_slow, turn = "/api/v1/orders", [], count(1)

    def sleep(seconds):
        was_slow.append((bmc.folder / "slow").exists())
        if next(turn) == 3:
            api.answer(path, [{"order": 8}], method="POST")

    write_record(fleet.directory, RECORD)
    clocks = Clocks(seconds=lambda: 0.0, sleep=sleep, now=lambda: datetime.now(tz=UTC))
    trial = Trial(fleet, LabPrograms(fleet, Path()), clocks, seed=0)
    socket = fleet.processes[0].socket
    socket.parent.mkdir(parents=True, exist_ok=True)
    with small_api(socket) as api:
        api.refuse(path, 409, "OrderUnderWay", "m1 has order 7", method="POST")
        Ordered(trial, [bmc], "cycle", 0.0, 5.0, slow_seconds=2.0)
    assert was_slow == [False] * 3
    assert (bmc.folder / "slow").read_text() == "20\n"
