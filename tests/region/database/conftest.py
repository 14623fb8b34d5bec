"""Sessions for the tests of the stores."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from evenrack.region.database.engine import open_engine
from tests.region.database.sessions import Sessions


@pytest.fixture
def sessions(database_dsn):
    """Several sessions to a database as `evenrack-regiond init` leaves it."""
    engine = open_engine(database_dsn, "tests", sessions=20)
    with ThreadPoolExecutor(20) as threads:
        yield Sessions(engine, threads)
    engine.dispose()
