"""BMCs in PostgreSQL that switch machines."""

import pytest

from tests.region.database.bmcs.bmc_rows import made, made_machine


@pytest.fixture
def kept(sessions):
    """Three BMCs; the first two switch a machine each."""
    for number in (1, 2, 3):
        made(sessions, f"b{number}", number)
    for number in (1, 2):
        made_machine(sessions, f"m{number}", f"b{number}")
    return sessions
