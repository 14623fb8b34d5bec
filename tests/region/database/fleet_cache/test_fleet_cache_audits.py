"""What the cache of the fleet missed is read anew: by audits, and after a loss of changes."""

import pytest
from sqlalchemy import text

from evenrack.region.database.changes import prune_changes
from evenrack.region.database.fleet_cache import FleetCache
from tests.region.database.fleet_cache.cached_fleet import RACKS, both
from tests.region.database.sessions import facts, joined, recorded

pytestmark = pytest.mark.postgres


def test_who_missed_what_was_pruned_reads_everything(sessions, picture):
    me, cache = joined(sessions), FleetCache()
    both(picture, cache)
    recorded(sessions, me, facts("rack0001", "a"))
    ahead = FleetCache()
    both(picture, ahead)
    sessions.run(lambda c: prune_changes(c, ahead.oldest))
    assert sessions.value("SELECT count(*) FROM change WHERE subject = 'rack'") == 0
    read, there = both(picture, cache)
    assert read == there
    assert set(read.racks) == {"rack0001"}


@pytest.mark.parametrize(
    ("subject", "key"), [("no such table", "1"), ("bmc", "rack0001"), ("bmc", ""), ("rack", "?")]
)
def test_garbage_among_the_changes_loses_nothing(subject, key, sessions, picture):
    me, cache = joined(sessions), FleetCache()
    both(picture, cache)
    recorded(sessions, me, facts("rack0001", "a"))
    row = "INSERT INTO change (subject, key) VALUES (:subject, :key)"
    sessions.change(row, subject=subject, key=key)
    sessions.change(row, subject="rack", key="rack0001")  # once more
    read, there = both(picture, cache)
    assert read == there
    assert set(read.racks) == {"rack0001"}


def test_an_audit_finds_what_no_trigger_saw(sessions, picture):
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"))
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE rack SET hostname = 'other'"))
    read, there = both(picture, cache)
    assert read != there
    cache.audit_next()
    read, there = both(picture, cache)
    assert read == there
    assert cache.was_wrong == ("racks",)


def test_an_audit_compares_some_rows_and_the_next_one_the_next(sessions, picture):
    """So that it never holds up a large fleet; nothing is left out in the end."""
    me, cache = joined(sessions), FleetCache(audited_at_once=2)
    for rack in RACKS[1:5]:
        recorded(sessions, me, facts(rack, f"link of {rack}"))
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("UPDATE rack SET hostname = 'other' WHERE id = :rack"), {"rack": RACKS[4]}
        )
        for rack in (RACKS[0], RACKS[5]):
            connection.execute(
                text(
                    "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, "
                    "holds_generation, holds_fingerprint) "
                    "VALUES (:rack, 'h', 'r', 'a', false, 0, 0, '')"
                ),
                {"rack": rack},
            )
    found = []
    for _ in range(3):
        cache.audit_next()
        read, there = both(picture, cache)
        found.append((cache.was_wrong, read == there))
    assert found == [(("racks",), False), (("racks",), True), ((), True)]
    assert list(read.racks) == RACKS


def test_a_row_that_is_gone_unseen_is_found_by_an_audit(sessions, picture):
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"), facts("rack0002", "b"))
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM rack WHERE id = 'rack0002'"))
    cache.audit_next()
    read, there = both(picture, cache)
    assert read == there
    assert cache.was_wrong == ("racks",)


def test_older_content_put_back_is_read_anew(sessions, picture):
    """As from a dump of the data alone, with the table of changes as it was then."""
    me, cache = joined(sessions), FleetCache()
    recorded(sessions, me, facts("rack0001", "a"))
    sessions.change("UPDATE leadership SET generation = 7")
    both(picture, cache)
    with sessions.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE rack SET hostname = 'other'"))
        connection.execute(text("UPDATE leadership SET generation = 6"))
    read, there = both(picture, cache)
    assert read == there
