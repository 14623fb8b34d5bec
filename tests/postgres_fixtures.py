"""One throw-away PostgreSQL a run, a migrated template in it, and a database for each test."""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest

from evenrack.postgres.embedded import EmbeddedPostgres

TEMPLATE = "evenrack_template"
FOR_TESTS = "evenrack_tests"
EMPTY = "evenrack_empty"
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
WATCHER_SECONDS = 30

# Blocks until the run's end of the pipe closes, which the kernel does however the run ends.
WATCHER = """
import sys
from pathlib import Path
from evenrack.postgres.embedded import EmbeddedPostgres
sys.stdin.buffer.read()
server = EmbeddedPostgres(Path(sys.argv[1]))
server.kill()
server.remove()
"""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """Run one server for the whole run; it never outlives it, not even after kill -9."""
    directory = Path(tempfile.mkdtemp(prefix="evenrack-test-"))
    server = EmbeddedPostgres(directory, settings=SETTINGS)
    with ended_with_this_run(server):
        server.start()
        yield server


@pytest.fixture(scope="session")
def template_database(postgres_server: EmbeddedPostgres) -> str:
    """Make the schema once; the database that tests use is a copy of it."""
    from evenrack.region.database.schema import upgrade

    execute(postgres_server, f"CREATE DATABASE {TEMPLATE}")
    upgrade(postgres_server.dsn(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def tests_database(
    postgres_server: EmbeddedPostgres, template_database: str
) -> "Iterator[MigratedContent]":
    """Copy the template once a run: a copy a test costs 140 ms on a slow disk, a reset 5 ms."""
    execute(
        postgres_server,
        f"CREATE DATABASE {FOR_TESTS} TEMPLATE {template_database} STRATEGY wal_log",
    )
    content = MigratedContent(postgres_server, FOR_TESTS)
    yield content
    content.close()


@pytest.fixture
def database_dsn(tests_database: "MigratedContent") -> Iterator[str]:
    """Give the test a database as `evenrack-regiond init` leaves it, by its libpq string."""
    yield tests_database.dsn
    tests_database.restore()


@pytest.fixture
def empty_database_dsn(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """Give the test a database without any table, for tests of the schema itself."""
    execute(postgres_server, f"CREATE DATABASE {EMPTY}")
    yield postgres_server.dsn(EMPTY)
    execute(postgres_server, f"DROP DATABASE {EMPTY} WITH (FORCE)")


@pytest.fixture
def own_postgres_server() -> Iterator[EmbeddedPostgres]:
    """Give the test a server of its own, to kill, pause and restart."""
    directory = Path(tempfile.mkdtemp(prefix="evenrack-test-"))
    server = EmbeddedPostgres(directory, settings=SETTINGS)
    with ended_with_this_run(server):
        server.start()
        yield server


class MigratedContent:
    """What a database holds after its migration, and the way back to it.

    That is gone hundreds of times, so in one session: a new one would learn of every table anew,
    which costs more than to empty it.
    """

    def __init__(self, server: EmbeddedPostgres, database: str) -> None:
        self.dsn = server.dsn(database)
        self._session: psycopg2.extensions.connection | None = None
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            tables = [name for (name,) in cursor.fetchall()]
            contents = {table: copied_out(cursor, table) for table in tables}
            self._contents = {table: rows for table, rows in contents.items() if rows}
            cursor.execute(
                "SELECT format('SELECT setval(%L, %s, %L)', format('%I.%I', schemaname,"
                " sequencename), coalesce(last_value, start_value), last_value IS NOT NULL)"
                " FROM pg_sequences"
            )
            counters = [statement for (statement,) in cursor.fetchall()]
        emptying = [f"DELETE FROM {table}" for table in tables]  # noqa: S608  quoted by PostgreSQL
        foreign_keys_off = "SET LOCAL session_replication_role = replica"
        self._way_back = "; ".join((foreign_keys_off, *emptying, *counters))

    def restore(self) -> None:
        """End every session that the test left, and bring back the migrated rows."""
        try:
            self._restore()
        except (psycopg2.OperationalError, psycopg2.InterfaceError):  # the test ended ours as well
            self.close()
            self._restore()

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _restore(self) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            cursor.execute(self._way_back)
            for table, rows in self._contents.items():
                cursor.copy_expert(f"COPY {table} FROM STDIN", io.BytesIO(rows))

    @contextmanager
    def _cursor(self) -> Iterator[psycopg2.extensions.cursor]:
        if self._session is None:
            self._session = psycopg2.connect(self.dsn)
        with self._session, self._session.cursor() as cursor:
            yield cursor


def copied_out(cursor: psycopg2.extensions.cursor, table: str) -> bytes:
    rows = io.BytesIO()
    cursor.copy_expert(f"COPY {table} TO STDOUT", rows)
    return rows.getvalue()


def execute(server: EmbeddedPostgres, statement: str, database: str = "postgres") -> list[tuple]:
    """Run one statement outside a transaction, and return its rows if it has any."""
    with closing(psycopg2.connect(server.dsn(database))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def ended_with_this_run(server: EmbeddedPostgres) -> Iterator[None]:
    """Remove the server at the end; a watcher does it when this run is killed."""
    watcher = subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, "-c", WATCHER, str(server.directory)],
        stdin=subprocess.PIPE,
        env=for_this_source(),
        start_new_session=True,  # Ctrl-C must not reach it
    )
    try:
        yield
    finally:
        server.kill()
        server.remove()
        watcher.communicate(timeout=WATCHER_SECONDS)


def for_this_source() -> dict[str, str]:
    """Give a Python program the environment in which it finds what this one finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
