"""What the tests of whole processes and of the stores need."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event
from twisted.logger import formatEvent, globalLogPublisher

from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.region.database.engine import IDLE_LIMIT, READING_MAY_TAKE, open_engine
from evenrack.region.database.schema import upgrade
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.links import departure
from evenrack.region.views.fleet_view import FleetView
from tests.postgres_fixtures import SETTINGS, TEMPLATE, ended_with_this_run, execute
from tests.region.database.sessions import Sessions
from tests.region.processes import PATIENT_SECONDS


class Log:
    """What was logged, and at which level."""

    def __init__(self):
        self.lines = []

    def observe(self, event):
        name = event["log_level"].name if "log_level" in event else "info"
        if event.get("log_namespace", "").startswith("evenrack"):
            self.lines.append((name, formatEvent(event)))

    def about(self, *words, level=None):
        return [
            line
            for name, line in self.lines
            if all(word in line for word in words) and level in (None, name)
        ]


@pytest.fixture
def log():
    """Everything that our code logs during the test."""
    log = Log()
    globalLogPublisher.addObserver(log.observe)
    yield log
    globalLogPublisher.removeObserver(log.observe)


@pytest.fixture(autouse=True)
def patient_answers(monkeypatch):
    """Let who is asked wait for a database that a busy machine holds up: no answer is a 503."""
    for who in (DatabaseDoor, FleetView):
        monkeypatch.setattr(who, "answer_seconds", PATIENT_SECONDS)


@pytest.fixture
def patient_departure(monkeypatch):
    """Let a process that is being stopped wait for a database that a busy machine holds up."""
    monkeypatch.setattr(departure, "ANSWER_SECONDS", 20.0)
    monkeypatch.setattr(departure, "MOST_SECONDS", 20.0)


@pytest.fixture(scope="session")
def hurt_server():
    """One server for all tests that pause, stop and kill it."""
    server = EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="evenrack-test-")), settings=SETTINGS)
    with ended_with_this_run(server):
        server.start()
        execute(server, f"CREATE DATABASE {TEMPLATE}")
        upgrade(server.dsn(TEMPLATE))
        yield server


@pytest.fixture
def own_migrated_server(hurt_server):
    """That server, running, and how a database of this test's own in it is reached."""
    hurt_server.resume()
    hurt_server.start()
    execute(hurt_server, "DROP DATABASE IF EXISTS hurt WITH (FORCE)")
    execute(hurt_server, f"CREATE DATABASE hurt TEMPLATE {TEMPLATE} STRATEGY wal_log")
    return hurt_server, hurt_server.dsn("hurt")


@pytest.fixture
def sessions(database_dsn):
    """Several sessions to a database as `evenrack-regiond init` leaves it.

    They may be idle in a transaction for longer than those of daemons: a machine that stands still
    for two seconds would end them, and a test does not begin its transactions anew.
    """
    engine = open_engine(database_dsn, "tests", sessions=20)

    @event.listens_for(engine, "connect")
    def _be_patient(session, _record):
        with session.cursor() as cursor:
            cursor.execute(f"SET {IDLE_LIMIT} = '{READING_MAY_TAKE}'")
        session.commit()

    with ThreadPoolExecutor(20) as threads:
        yield Sessions(engine, threads)
    engine.dispose()
