"""The audit log does not grow for ever: what is older than the setting goes, by batches."""

import pytest
from attrs import evolve
from sqlalchemy import text
from twisted.internet.task import Clock

from evenrack.config.region_config import AuditSettings
from evenrack.errors import DatabaseUnreachable
from evenrack.region.audit_keeper import LOOK_SECONDS, NEXT_BATCH_SECONDS, AuditKeeper
from evenrack.region.database.audit_store import MOST_TRIMMED, trim_audit
from evenrack.region.database.request_keys import MOST_TRIMMED as MOST_KEYS_TRIMMED
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

ROW = (
    "INSERT INTO audit (at, who, role, source, deed, status, data) "
    "SELECT now() - make_interval(days => :days), 'me', 'admin', 'here', 'POST /', 201, '{}' "
    "FROM generate_series(1, :count)"
)


def rows(sessions, *, days, count=1):
    sessions.change(ROW, days=days, count=count)


def left(sessions):
    return sessions.value("SELECT count(*) FROM audit")


def trimmed(sessions, days=400):
    return sessions.run(lambda c: trim_audit(c, keep_days=days))


def test_rows_that_are_older_than_the_setting_go_and_no_others(sessions):
    rows(sessions, days=401, count=2)
    rows(sessions, days=399)
    assert (trimmed(sessions), left(sessions)) == (2, 1)
    assert (trimmed(sessions), left(sessions)) == (0, 1)
    assert (trimmed(sessions, days=398), left(sessions)) == (1, 0)


def test_a_batch_goes_at_a_time(sessions):
    rows(sessions, days=500, count=MOST_TRIMMED + 5)
    rows(sessions, days=1)
    assert [trimmed(sessions) for _ in range(3)] == [MOST_TRIMMED, 5, 0]
    assert left(sessions) == 1


PLAIN_LOOPS = "hashjoin mergejoin hashagg sort material indexscan bitmapscan"
"""Ways of the planner that are off when nothing is left to it but a loop in a loop."""


@pytest.mark.parametrize("off", ["hashjoin", "nestloop", PLAIN_LOOPS])
def test_a_batch_is_no_larger_with_another_plan(sessions, off):
    """Whatever join the planner takes: it read the oldest again for each row, and took all."""
    rows(sessions, days=500, count=MOST_TRIMMED + 5)

    def trim(connection):
        for way in off.split():
            connection.execute(text(f"SET LOCAL enable_{way} = off"))
        return trim_audit(connection, keep_days=400)

    assert [sessions.run(trim) for _ in range(3)] == [MOST_TRIMMED, 5, 0]


def test_two_processes_do_not_wait_for_each_other(sessions):
    rows(sessions, days=500, count=3)
    with sessions.open_transaction() as other:
        assert trim_audit(other, keep_days=400) == 3
        assert trimmed(sessions) == 0
        other.commit()
    assert left(sessions) == 0


NOTHING = (0, 0)


class Trimmed:
    """A database that says what each batch removed; its time is a clock's."""

    def __init__(self, clock, *outcomes):
        self._clock = clock
        self._outcomes = list(outcomes)
        self.asked_at = []

    async def run(self, _work):
        self.asked_at.append(self._clock.seconds())
        outcome = self._outcomes.pop(0) if self._outcomes else NOTHING
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_while_batches_are_full_the_next_follows_soon_and_then_after_an_hour():
    clock = Clock()
    database = Trimmed(clock, (MOST_TRIMMED, 0), (5, MOST_KEYS_TRIMMED), (7, 7))
    keeper = AuditKeeper(database, clock, keep_days=400)
    keeper.startService()
    clock.pump([0.0, *[NEXT_BATCH_SECONDS] * 10, LOOK_SECONDS])
    full = [0.0, NEXT_BATCH_SECONDS, 2 * NEXT_BATCH_SECONDS]
    assert database.asked_at[:3] == full
    assert len(database.asked_at) == 4
    keeper.stopService()


def test_without_a_database_it_tries_again_later():
    clock = Clock()
    database = Trimmed(clock, DatabaseUnreachable("gone"), (1, 0))
    keeper = AuditKeeper(database, clock, keep_days=400)
    keeper.startService()
    clock.pump([0.0, LOOK_SECONDS])
    assert len(database.asked_at) == 2
    keeper.stopService()


async def test_a_region_process_keeps_the_audit_log_as_long_as_its_setting_says_and_keys_a_day(
    database_dsn, sessions
):
    rows(sessions, days=20, count=3)
    rows(sessions, days=5)
    sessions.change(
        "INSERT INTO idempotency_key (who, key, request, at) SELECT 'me', 'k' || hours, '', "
        "now() - make_interval(hours => hours) FROM unnest(ARRAY[23, 25]) AS hours"
    )
    async with fleet_on(database_dsn) as fleet:
        config = evolve(fleet.region_config("region1"), audit=AuditSettings(keep_days=10))
        fleet._hosts["region1"] = config
        fleet.start_region("region1")
        await eventually(lambda: left(sessions) == 1)
        assert sessions.value("SELECT string_agg(key, ' ') FROM idempotency_key") == "k23"
