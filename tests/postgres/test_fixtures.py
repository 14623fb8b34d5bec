"""The database that other tests get."""

from contextlib import closing

import psycopg2
import pytest

from tests.postgres_fixtures import MigratedContent, execute

pytestmark = pytest.mark.postgres

OTHER_SESSIONS_END = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_database_is_migrated(database_dsn):
    with closing(psycopg2.connect(database_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM alembic_version")
        assert cursor.fetchone() == (1,)


def test_restore_brings_back_rows_and_counters_and_ends_sessions(postgres_server):
    execute(postgres_server, "CREATE DATABASE restored")

    def run(statement):
        return execute(postgres_server, statement, "restored")

    run("CREATE TABLE parent (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text)")
    run("CREATE TABLE child (parent int REFERENCES parent NOT NULL)")
    run("INSERT INTO parent (word) VALUES ('migrated')")
    content = MigratedContent(postgres_server, "restored")
    run("UPDATE parent SET word = 'changed'")
    run("INSERT INTO parent (word) VALUES ('another')")
    run("INSERT INTO child VALUES (2)")
    with closing(psycopg2.connect(content.dsn)) as left:
        with left.cursor() as cursor:
            cursor.execute("LOCK TABLE parent")
        content.restore()
        with pytest.raises(psycopg2.OperationalError), left.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert run("SELECT * FROM parent") == [(1, "migrated")]
    assert run("SELECT * FROM child") == []
    assert run("INSERT INTO parent (word) VALUES ('next') RETURNING id") == [(2,)]
    run(OTHER_SESSIONS_END)
    content.restore()
    assert run("SELECT * FROM parent") == [(1, "migrated")]
    content.close()
    execute(postgres_server, "DROP DATABASE restored")


def test_empty_database_has_no_tables(empty_database_dsn):
    with closing(psycopg2.connect(empty_database_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (0,)
