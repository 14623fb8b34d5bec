"""The checks of power can say no: each question is shown a promise that is broken."""

import pytest

from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power_sight import refuse_not_done, refuse_told, told_words
from evenrack.lab.drill.sight import uneven_owners
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces

RACKS = ("rack1", "rack2", "rack3")
ROW = {"machine": "m1", "action": "cycle", "rack": "rack2", "phase": "OFF_SENT", "error": None}


@pytest.fixture
def bmc(tmp_path):
    (bmc,) = lay_out(tmp_path, InNamespaces(keeper=None), Size(bmcs=1)).bmcs
    bmc.folder.mkdir(parents=True)
    return bmc


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
