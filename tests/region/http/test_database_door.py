"""How a change reaches PostgreSQL: what is said of its outcome is true, whatever happens."""

import contextlib
import threading

import psycopg2
import pytest
from sqlalchemy import event, text
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from evenrack.errors import DatabaseUnreachable, OutcomeUnknown
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.http.database_door import DatabaseDoor, OneChange
from tests.postgres_fixtures import execute
from tests.region.http.inventory_api import Api, served
from tests.region.processes import eventually, fleet_on

pytestmark = pytest.mark.deadline(120)


@pytest.fixture
def patient_answers():
    """Let nobody be patient: how long an answer may take is what these tests are about."""


INSERT = text("INSERT INTO region (id, hostname) VALUES ('r', 'r')")

SLOW_COMMIT = """
    CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(3); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER sleep AFTER INSERT ON vlan DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION sleep();
"""
"""A commit that takes longer than anyone waits for an answer."""


@contextlib.asynccontextmanager
async def door_to(dsn, clock=reactor):
    database = PooledDatabase(dsn, reactor, name="tests")
    try:
        yield DatabaseDoor(database, clock)
    finally:
        database.close()


def test_a_change_that_was_given_up_is_not_begun():
    begun = []
    once = OneChange(begun.append)
    assert once.give_up()
    with pytest.raises(OutcomeUnknown):
        once("connection")
    assert begun == []


def test_a_change_that_is_given_up_while_it_runs_is_not_committed():
    once = OneChange(lambda _: once.give_up())
    with pytest.raises(OutcomeUnknown):
        once("connection")


def test_a_change_that_may_have_been_committed_is_neither_given_up_nor_run_again():
    done = []
    once = OneChange(done.append)
    once("connection")
    assert not once.give_up()
    with pytest.raises(OutcomeUnknown):
        once("connection")
    assert done == ["connection"]


def test_a_change_that_failed_may_run_again():
    attempts = []

    def work(connection):
        attempts.append(connection)
        if len(attempts) == 1:
            raise ValueError("a conflict")
        return "done"

    once = OneChange(work)
    with pytest.raises(ValueError, match="a conflict"):
        once("connection")
    assert once("connection") == "done"


@pytest.mark.postgres
async def test_a_commit_that_gets_no_answer_has_an_unknown_outcome(own_migrated_server):
    server, dsn = own_migrated_server

    def work(connection):
        connection.execute(INSERT)
        server.pause()

    committing = threading.Event()
    async with door_to(dsn, clock=Clock()) as door:
        event.listen(door._database._engine, "commit", lambda _: committing.set())
        try:
            changing = Deferred.fromCoroutine(door.change(work))
            await eventually(committing.is_set)
            assert not changing.called
            door._clock.advance(door.answer_seconds)
            with pytest.raises(OutcomeUnknown, match="see whether it was done before"):
                await changing
        finally:
            server.resume()


@pytest.mark.postgres
async def test_a_session_that_ends_at_its_commit_leaves_an_unknown_outcome(own_migrated_server):
    _, dsn = own_migrated_server
    runs = []

    def work(connection):
        runs.append(connection.execute(INSERT))
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with contextlib.closing(psycopg2.connect(dsn)) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))

    async with door_to(dsn) as door:
        with pytest.raises(OutcomeUnknown):
            await door.change(work, seconds=20)
    assert len(runs) == 1


@pytest.mark.postgres
async def test_a_change_of_unknown_outcome_is_answered_504_and_told_to_who_asks_again_with_its_key(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    execute(server, SLOW_COMMIT, "hurt")
    async with fleet_on(dsn, "region1") as fleet:
        api = Api(fleet.regions["region1/1"])
        await eventually(fleet.has_leader)
        wish = {"name": "vlan1"}
        answer = await api("POST", "/api/v1/vlans", wish, Idempotency_Key="k")
        assert (answer.status, answer.json["code"]) == (504, "OutcomeUnknown")
        assert answer.json["detail"].startswith("sent again with its key, this is done once")
        assert "see whether it was done" in answer.json["detail"]
        await eventually(lambda: fleet.rows("SELECT 1 FROM vlan"))
        answer = await api("POST", "/api/v1/vlans", wish, Idempotency_Key="k")
        assert (answer.status, answer.json["id"]) == (201, 1)
        assert answer.headers["Location"] == "/api/v1/vlans/1"


@pytest.mark.postgres
async def test_a_change_that_waits_too_long_is_refused_and_surely_not_done_later(database_dsn):
    async with served(database_dsn) as api:
        before = await api.everything()
        blocker = psycopg2.connect(database_dsn)
        try:
            with blocker.cursor() as cursor:
                cursor.execute("LOCK TABLE vlan IN SHARE MODE")
            answer = await api("PATCH", "/api/v1/vlans/vlan1", {"vid": 77})
            assert (answer.status, answer.json["code"]) == (503, "DatabaseUnreachable")
        finally:
            blocker.close()
        marker = await api("POST", "/api/v1/vlans", {"name": "later"})
        assert marker.status == 201
        after = await api.everything()
        assert after[0]["vlans"][:-1] == before[0]["vlans"]


@pytest.mark.postgres
async def test_without_its_database_changes_and_readings_are_refused_and_come_back(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with fleet_on(dsn, "region1") as fleet:
        api = Api(fleet.regions["region1/1"])
        await eventually(fleet.has_leader)
        await api("POST", "/api/v1/vlans", {"name": "vlan1"})
        await deferToThread(server.stop, "immediate")
        for method, path, body in (
            ("GET", "/api/v1/vlans", None),
            ("GET", "/api/v1/vlans/vlan1", None),
            ("POST", "/api/v1/vlans", {"name": "vlan2"}),
            ("PATCH", "/api/v1/vlans/vlan1", {"vid": 7}),
            ("DELETE", "/api/v1/vlans/vlan1", None),
        ):
            answer = await api(method, path, body)
            assert (method, answer.status) == (method, 503)
            assert answer.json["code"] == "DatabaseUnreachable"
        await deferToThread(server.start)

        async def names():
            answer = await api("GET", "/api/v1/vlans")
            return answer.status == 200 and [each["name"] for each in answer.json["vlans"]]

        assert await eventually(names) == ["vlan1"]


@pytest.mark.postgres
async def test_a_reading_that_gets_no_answer_is_unreachable(own_migrated_server):
    server, dsn = own_migrated_server
    async with door_to(dsn) as door:
        await door.read(lambda c: c.execute(text("SELECT 1")))
        server.pause()
        try:
            with pytest.raises(DatabaseUnreachable, match="gave no answer within 2 s"):
                await door.read(lambda c: c.execute(text("SELECT 1")))
        finally:
            server.resume()
