"""BMCs for the tests that need real ones, and a story for those that do not."""

from functools import partial

import pytest
from twisted.internet import reactor

from tests.free_ports import free_udp_port
from tests.rack.power.bmc_farm import Farm
from tests.rack.power.failing import failure_of
from tests.rack.power.idle_clock import IdleClock
from tests.rack.power.redfish_farm import Emulator
from tests.rack.power.small_redfish import SmallRedfish
from tests.rack.power.story import Story
from tests.rack.power.suite_bmc import PASSWORD, SuiteBmc
from tests.stopwatch import ClockWatch

ADDRESS = "127.0.0.1"


@pytest.fixture
def farm(tmp_path):
    """Give a place to start BMCs in; they end with the test."""
    found = Farm(folder=tmp_path / "bmcs")
    yield found
    found.stop()


@pytest.fixture
def bmc(farm):
    """Give one BMC, whose machine is off."""
    return farm.start(ADDRESS, free_udp_port(ADDRESS))


@pytest.fixture(scope="session")
def one_emulator(tmp_path_factory):
    """Start the Redfish emulator, which takes a second, for all tests that need it."""
    found = Emulator.start(tmp_path_factory.mktemp("redfish") / "emulator")
    yield found
    found.stop()


@pytest.fixture
def emulator(one_emulator):
    """Give the emulator without a machine."""
    one_emulator.give()
    return one_emulator


@pytest.fixture
def machine(emulator):
    """Give the only machine of the emulator; it is off."""
    (machine,) = emulator.give("m1")
    return machine


@pytest.fixture
def story():
    """Give an order's surroundings; the machine is off."""
    return Story()


@pytest.fixture
def clock():
    """Give a clock that goes on when nothing happens."""
    clock = IdleClock()
    clock.start()
    yield clock
    clock.stop()


@pytest.fixture
def bmc_with(clock):
    """Give a way to start BMCs; they stop with the test."""
    bmcs = []

    def make(*, address="127.0.0.1", **more):
        bmcs.append(SuiteBmc(clock=clock, **more).listen(address))
        return bmcs[-1]

    yield make
    for bmc in bmcs:
        bmc.end()


@pytest.fixture
def service():
    """Give a Redfish service of our own; its machine is off."""
    found = SmallRedfish(clock=reactor).listen()
    yield found
    found.end()


@pytest.fixture
def failure(clock):
    """Give a way to learn the words of what goes wrong."""
    return partial(failure_of, partial(ClockWatch, clock), PASSWORD)
