"""BMCs for the tests that need real ones, and a story for those that do not."""

import pytest

from tests.rack.power.bmc_farm import Farm, free_port
from tests.rack.power.story import Story

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
    return farm.start(ADDRESS, free_port(ADDRESS))


@pytest.fixture
def story():
    """Give an order's surroundings; the machine is off."""
    return Story()
