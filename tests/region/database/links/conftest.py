"""Two processes of regions in PostgreSQL."""

import pytest

from tests.region.database.sessions import joined


@pytest.fixture
def me(sessions):
    return joined(sessions, "region1/1")


@pytest.fixture
def other(sessions):
    return joined(sessions, "region2/1")
