"""What the doctor asks of the database, on a real one."""

from datetime import timedelta

import pytest

from evenrack.model.identifiers import RackId
from evenrack.region.database.doctor_store import (
    LEAF_NEAR_END,
    MOST_CERTIFICATES,
    read_condition,
)
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.process_store import mark_off
from evenrack.region.database.schema import SCHEMA
from evenrack.region.database.trust_store import (
    Issued,
    record_certificate,
    revoke_rack,
    store_authority,
)
from evenrack.trust.certificates import AUTHORITY_LIFE, new_authority, pin_of
from tests.region.database.sessions import facts, joined, recorded
from tests.region.database.trust.trust_rows import SEALER
from tests.trusted import now

pytestmark = pytest.mark.postgres

RACK = RackId("aaaaaaaa")
SOON = LEAF_NEAR_END - timedelta(hours=1)
LATER = LEAF_NEAR_END + timedelta(hours=1)


def condition(sessions):
    return sessions.run(read_condition)


def authority(sessions, left=AUTHORITY_LIFE, state="active"):
    made = new_authority(now() - AUTHORITY_LIFE + left)
    return sessions.run(lambda c: store_authority(c, SEALER, made, state=state)), made.certificate


def issued(sessions, number, serial, left, **whom):
    certificate = Issued(serial=serial, authority=number, not_after=now() + left, **whom)
    sessions.run(lambda c: record_certificate(c, certificate))


def told(sessions):
    """Kind, name and whole days left of each certificate that is told of."""
    rows = condition(sessions)["certificates"]
    return [(row["kind"], row["name"], row["seconds_left"] // 86400) for row in rows]


def test_the_schema_is_the_one_of_the_programs_and_of_the_database(sessions):
    schema = condition(sessions)["schema"]
    assert (schema["needed"], schema["highest"]) == (SCHEMA, SCHEMA)
    assert schema["lowest"] <= SCHEMA - 1


def test_six_sessions_are_counted_for_each_process_that_runs(sessions):
    running = [joined(sessions, f"region1/{number}") for number in (1, 2, 3)]
    sessions.run(lambda c: mark_off(c, running[0]))
    found = condition(sessions)["sessions"]
    most = int(sessions.value("SHOW max_connections"))
    assert (found["processes"], found["of_each"], found["needed"]) == (2, 6, 12)
    assert 0 < found["allowed"] < most


@pytest.mark.parametrize(
    "limit",
    [
        "ALTER DATABASE {database} CONNECTION LIMIT {most}",
        "ALTER ROLE CURRENT_USER CONNECTION LIMIT {most}",
    ],
    ids=["of the database", "of the role"],
)
def test_a_limit_below_the_server_s_is_the_one_that_counts(sessions, limit):
    database = sessions.value("SELECT current_database()")
    sessions.change(limit.format(database=database, most=40))
    try:
        assert condition(sessions)["sessions"]["allowed"] == 40
    finally:
        sessions.change(limit.format(database=database, most=-1))


def test_a_server_without_standbys_has_none(sessions):
    assert condition(sessions)["standbys"] == 0


def test_an_ordinary_role_is_told_all_of_it(sessions, database_dsn):
    sessions.change("DROP ROLE IF EXISTS patient")
    sessions.change("CREATE ROLE patient LOGIN")
    sessions.change("GRANT SELECT ON ALL TABLES IN SCHEMA public TO patient")
    engine = open_engine(database_dsn.replace("user=postgres", "user=patient"), "ours", sessions=0)
    try:
        assert attempt(engine, read_condition) == condition(sessions)
    finally:
        engine.dispose()
        sessions.change("DROP OWNED BY patient")
        sessions.change("DROP ROLE patient")


def test_certificates_are_told_of_when_the_newest_of_a_host_is_near_its_end(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(RACK, "link-a"))
    number, _ = authority(sessions)
    issued(sessions, number, "1", SOON, rack=RACK)
    issued(sessions, number, "2", LATER, region="region1")
    assert told(sessions) == [("rack", "rack1", 6)]
    issued(sessions, number, "3", LATER, rack=RACK)
    assert told(sessions) == []


def test_what_is_revoked_gone_or_stopped_is_missed_by_nobody(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(RACK, "link-a"))
    number, _ = authority(sessions)
    issued(sessions, number, "1", SOON, rack=RACK)
    issued(sessions, number, "2", SOON, rack=RackId("deleted0"))
    issued(sessions, number, "3", SOON, region="region1")
    issued(sessions, number, "4", SOON, region="region9")
    assert told(sessions) == [("rack", "rack1", 6), ("region", "region1", 6)]
    sessions.run(lambda c: revoke_rack(c, RACK))
    sessions.run(lambda c: mark_off(c, me))
    assert told(sessions) == []


def test_an_authority_is_told_of_half_a_year_before_its_end(sessions):
    authority(sessions, timedelta(days=181))
    _, old = authority(sessions, timedelta(days=100, hours=1), "next")
    authority(sessions, timedelta(days=10), "retiring")
    assert told(sessions) == [("authority", pin_of(old)[:16], 100)]


def test_of_many_certificates_the_nearest_to_their_end_are_told_of(sessions):
    me = joined(sessions)
    number, _ = authority(sessions)
    for index in range(MOST_CERTIFICATES + 5):
        rack = RackId(f"rack{index:04}")
        recorded(sessions, me, facts(rack, f"link-{index}"))
        issued(sessions, number, f"{index}", SOON - timedelta(hours=index), rack=rack)
    found = condition(sessions)["certificates"]
    assert len(found) == MOST_CERTIFICATES
    left = [row["seconds_left"] for row in found]
    assert left == sorted(left)
    assert left[0] == pytest.approx((SOON - timedelta(hours=54)).total_seconds(), abs=60)
