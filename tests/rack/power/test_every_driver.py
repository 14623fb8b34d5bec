"""Each BMC is asked by the driver that it is declared with."""

import sys
from functools import partial
from typing import get_args

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import Clock

from evenrack.errors import CannotEverWork
from evenrack.model.power import Driver
from evenrack.rack.power.drivers import Drivers, every_driver
from evenrack.runtime.child_process import run_program
from tests.rack.power.small_bmc import SmallBmc
from tests.rack.power.story import ACCESS


@pytest.mark.parametrize("name", get_args(Driver))
async def test_a_bmc_is_asked_by_its_own_driver_and_by_no_other(name):
    bmcs = {each: SmallBmc(clock=reactor) for each in get_args(Driver)}
    drivers = Drivers({each: partial(bmcs.get, each) for each in bmcs})
    access = evolve(ACCESS, driver=name)
    await drivers.turn_on(access)
    await drivers.turn_off(access)
    await drivers.turn_on(access)
    bmcs[name].press("on")
    assert await drivers.query(access) == "on"
    await drivers.reset(access)
    await drivers.shut_down(access)
    await drivers.boot_once(access, "pxe")
    assert bmcs[name].told == ["on", "off", "on", "reset", "soft", "boot pxe"]
    others = [bmc for each, bmc in bmcs.items() if each != name]
    assert [(bmc.told, bmc.looks) for bmc in others] == [([], 0)] * len(others)


@pytest.mark.parametrize("name", ["ipmi", "redfish"])
def test_a_driver_that_speaks_itself_has_as_many_sessions_as_are_set(name):
    drivers = every_driver(Clock(), None, most_sessions=3)
    assert drivers._drivers[name]()._driver._turns._places.limit == 3


def test_a_driver_is_made_once():
    drivers = every_driver(Clock(), None)
    assert drivers._drivers["redfish"]() is drivers._drivers["redfish"]()


def test_a_rack_without_bmcs_for_it_has_nothing_of_http_in_its_memory():
    code = "import sys, evenrack.rack.main; sys.exit('treq' in sys.modules)"
    run_program([sys.executable, "-c", code], seconds=30)


async def test_a_daemon_whose_files_were_replaced_under_it_says_that_it_is_to_be_restarted(
    monkeypatch,
):
    drivers = every_driver(Clock(), None)
    monkeypatch.setitem(sys.modules, "evenrack.rack.power.redfish", None)  # what is there is newer
    with pytest.raises(CannotEverWork, match="restart evenrack-rackd"):
        await drivers.query(evolve(ACCESS, driver="redfish"))


def test_there_is_a_driver_for_every_word_that_a_bmc_can_be_declared_with():
    assert every_driver(Clock(), None)._drivers.keys() == set(get_args(Driver))
