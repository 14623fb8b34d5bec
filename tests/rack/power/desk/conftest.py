"""The fixture of all tests of the desk of power orders."""

import pytest

from tests.rack.power.desk.at_desk import AtDesk


@pytest.fixture
def at():
    return AtDesk()
