"""Marks of readings: what one and the same server is, and what it may not know of changes."""

import contextlib
import os
import signal
import time

import pytest
from attrs import evolve
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from evenrack.region.database.changes import Mark, changes_since, forget_changes, read_mark
from evenrack.region.database.engine import open_engine
from evenrack.region.database.schema import upgrade

pytestmark = pytest.mark.postgres

MARK = Mark(
    server="one",
    epoch=3,
    number=(1, 5),
    oldest=90,
    ahead=100,
    under_way=(90, 95),
    pruned_below=10,
)


def mark_of(engine):
    with engine.begin() as connection:
        return read_mark(connection)


def crash(server, engine):
    """End one process of the server as the kernel does when memory is short; wait for the rest."""
    with contextlib.suppress(DBAPIError), engine.begin() as connection:
        os.kill(connection.execute(text("SELECT pg_backend_pid()")).scalar_one(), signal.SIGKILL)
    for _ in range(200):
        time.sleep(0.05)
        with contextlib.suppress(DBAPIError):
            return mark_of(engine)
    raise AssertionError("it does not come back")


def test_a_server_that_recovered_from_the_crash_of_a_process_is_another(own_postgres_server):
    """It gives numbers of lost transactions out again, and the postmaster is the same."""
    dsn = own_postgres_server.dsn()
    upgrade(dsn)
    engine = open_engine(dsn, "tests", sessions=0)
    try:
        before = mark_of(engine)
        assert mark_of(engine).server == before.server
        after = crash(own_postgres_server, engine)
        assert after.server != before.server
        with engine.begin() as connection:
            assert changes_since(connection, before, after, ["rack"]) is None
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "later",
    [
        {"server": "another"},
        {"oldest": 89},
        {"number": (1, 4)},
        {"epoch": 2},
        {"number": (1, 4), "epoch": 4},  # a dump was put back, and already there is a next leader
        {"pruned_below": 91},
    ],
)
def test_nothing_is_known_from_one_reading_to_one_that_is_not_its_successor(later, sessions):
    with sessions.engine.begin() as connection:
        assert changes_since(connection, MARK, MARK, ["rack"]) is not None
        assert changes_since(connection, MARK, evolve(MARK, **later), ["rack"]) is None


def test_what_is_forgotten_is_read_anew_by_who_read_before_and_by_nobody_else(sessions):
    with sessions.engine.begin() as connection:
        before = read_mark(connection)
    sessions.run(forget_changes)
    with sessions.engine.begin() as connection:
        now = read_mark(connection)
        assert changes_since(connection, before, now, ["rack"]) is None
        assert changes_since(connection, now, read_mark(connection), ["rack"]) == {}


def test_what_was_not_over_is_looked_at_and_nothing_else(sessions):
    with sessions.engine.begin() as connection:
        for xid in (89, 90, 92, 95, 99, 100, 101):
            connection.execute(
                text("INSERT INTO change (subject, key, xid) VALUES ('rack', :key, :xid)"),
                {"key": str(xid), "xid": xid},
            )
        found = changes_since(connection, MARK, MARK, ["rack"])
        assert found == {"rack": {"90", "95", "100", "101"}}
        standby = evolve(MARK, ahead=MARK.oldest, under_way=())
        found = changes_since(connection, standby, MARK, ["rack"])
        assert found["rack"] == {"90", "92", "95", "99", "100", "101"}
        assert changes_since(connection, MARK, MARK, ["bmc"]) == {}
