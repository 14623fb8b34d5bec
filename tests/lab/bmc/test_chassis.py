"""The chassis of a simulated machine: what its BMC runs, and what the lab reads of it."""

import pytest

from evenrack.errors import ProgramFailed
from evenrack.lab.bmc.chassis import PROGRAM, Chassis, Told, read_told
from evenrack.runtime.child_process import run_program


@pytest.fixture
def chassis(tmp_path):
    folder = tmp_path / "one bmc"
    folder.mkdir()
    return Chassis(folder=folder)


def run_as_its_bmc_does(chassis, *words):
    return run_program(["sh", str(PROGRAM), str(chassis.folder), *words], seconds=30)


def test_p28_what_a_bmc_was_told_is_done_and_written_down_in_order(chassis):
    assert (chassis.power, chassis.told()) == ("off", [])
    run_as_its_bmc_does(chassis, "set", "power", "1")
    assert chassis.power == "on"
    run_as_its_bmc_does(chassis, "set", "power", "0", "reset", "1")
    assert chassis.power == "off"
    told = chassis.told()
    assert [each.what for each in told] == ["on", "off", "reset 1"]
    assert told[0].at < told[1].at <= told[2].at


def test_what_a_bmc_asks_is_answered_and_not_written_down(chassis):
    assert run_as_its_bmc_does(chassis, "get", "power", "boot", "fan") == (
        "power:0\nboot:default\nfan:0\n"
    )
    chassis.press("on")
    assert run_as_its_bmc_does(chassis, "get", "power") == "power:1\n"
    assert chassis.told() == []
    with pytest.raises(ProgramFailed):
        run_as_its_bmc_does(chassis, "check", "power")


def test_a_button_turns_a_machine_on_and_off(chassis):
    for state in ("on", "off"):
        chassis.press(state)
        assert chassis.power == state


def test_a_state_that_is_being_written_is_unknown(chassis):
    (chassis.folder / "power").write_text("")
    assert chassis.power == "unknown"


def test_a_slow_chassis_waits_before_each_answer_until_it_is_quick_again(chassis):
    chassis.be_slow(60)
    with pytest.raises(ProgramFailed, match="did not end"):
        run_program(["sh", str(PROGRAM), str(chassis.folder), "get", "power"], seconds=0.5)
    chassis.be_slow(0)
    chassis.be_slow(0)
    assert run_as_its_bmc_does(chassis, "get", "power") == "power:0\n"
    chassis.be_slow(0.1)
    assert run_as_its_bmc_does(chassis, "get", "power") == "power:0\n"


def test_a_line_that_is_being_written_is_left_out():
    assert read_told("1.5 power 1\n2.5 identify\n3.5 power") == [Told(at=1.5, what="on")]
