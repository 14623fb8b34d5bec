"""One unchanging picture of the database: what a cache of the fleet is read from."""

import pytest


@pytest.fixture
def picture(sessions):
    """The door of `Database.read`: one unchanging picture."""
    return sessions.engine.execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
