"""Once a minute what is remembered of the fleet is compared, and what all have read is let go."""

import pytest
from sqlalchemy import text
from twisted.internet.task import Clock

from evenrack.region.cache_keeper import KEEP_SECONDS, CacheKeeper
from evenrack.region.database.fleet_cache import FleetCache
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres


class Door:
    """`Database` that answers at once."""

    def __init__(self, sessions):
        self.sessions = sessions

    async def run(self, work):
        return self.sessions.run(work)

    async def read(self, work):
        picture = self.sessions.engine.execution_options(isolation_level="REPEATABLE READ")
        with picture.begin() as connection:
            return work(connection)


@pytest.fixture
def kept(sessions):
    """A cache that has read a fleet of one rack, its keeper, and the keeper's clock."""
    me, cache, clock = joined(sessions), FleetCache(), Clock()
    recorded(sessions, me, facts("rack0001", "a"))
    keeper = CacheKeeper(Door(sessions), cache, clock)
    keeper.startService()
    yield cache, clock, keeper
    keeper.stopService()


def read(sessions, cache):
    picture = sessions.engine.execution_options(isolation_level="REPEATABLE READ")
    with picture.begin() as connection:
        return cache.read(connection)


def noted(sessions):
    return sessions.value("SELECT count(*) FROM change")


def test_changes_are_kept_for_a_minute_after_they_were_read(sessions, kept):
    cache, clock, _ = kept
    read(sessions, cache)
    assert noted(sessions)
    clock.advance(KEEP_SECONDS)
    assert noted(sessions)
    clock.advance(KEEP_SECONDS)
    assert noted(sessions) == 0
    assert set(read(sessions, cache).racks) == {"rack0001"}


def test_what_was_remembered_wrongly_is_read_anew_and_told(sessions, kept, log):
    cache, clock, _ = kept
    read(sessions, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE rack SET hostname = 'other'"))
    clock.advance(KEEP_SECONDS)
    assert read(sessions, cache).racks["rack0001"].hostname == "other"
    clock.advance(KEEP_SECONDS)
    assert len(log.about("read anew: racks", level="error")) == 1
    clock.advance(KEEP_SECONDS)
    assert len(log.about("read anew")) == 1
