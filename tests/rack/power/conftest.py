"""BMCs for the tests that need real ones."""

import pytest

from tests.rack.power.bmc_farm import Farm, free_port

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
