"""The schema: what the steps make is what the programs expect."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.database import (
    balance_tables,
    change_tables,
    dhcp_tables,
    inventory_tables,
)
from evenrack.region.database import trust_tables as tables
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.schema import SCHEMA, check, upgrade

pytestmark = pytest.mark.postgres

COLUMNS = """
SELECT c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
    pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind = 'r'
"""
CONSTRAINTS = """
SELECT c.relname, n.conname, pg_get_constraintdef(n.oid)
FROM pg_class c JOIN pg_constraint n ON n.conrelid = c.oid
WHERE c.relnamespace = CAST(:schema AS regnamespace) AND n.contype <> 'n'
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = :schema"
COMMENTS = """
SELECT c.relname, d.objsubid, d.description
FROM pg_class c JOIN pg_description d ON d.objoid = c.oid
WHERE c.relnamespace = CAST(:schema AS regnamespace)
"""


def described(connection, query, schema):
    rows = connection.execute(text(query), {"schema": schema})
    return sorted(
        tuple(value.replace(f"{schema}.", "") if isinstance(value, str) else value for value in row)
        for row in rows
        if not row[0].startswith("alembic")
    )


for more in (balance_tables, change_tables, dhcp_tables, inventory_tables):
    assert more.metadata is tables.metadata, "all tables are in one"


@pytest.fixture
def empty_database(empty_database_dsn):
    engine = open_engine(empty_database_dsn, "tests", sessions=0)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("query", [COLUMNS, CONSTRAINTS, INDEXES, COMMENTS])
def test_the_schema_made_from_nothing_is_the_one_in_tables(
    query, empty_database_dsn, empty_database
):
    upgrade(empty_database_dsn)
    with empty_database.begin() as connection:
        connection.execute(text("CREATE SCHEMA wanted"))
        wanted = connection.execution_options(schema_translate_map={None: "wanted"})
        tables.metadata.create_all(wanted)
        connection.execute(text("SET LOCAL search_path = wanted"))
        expected = described(connection, query, "wanted")
        connection.execute(text("SET LOCAL search_path = public"))
        assert expected
        assert described(connection, query, "public") == expected


def test_alembic_finds_no_difference_between_the_steps_and_the_tables(
    empty_database_dsn, empty_database
):
    upgrade(empty_database_dsn)
    with empty_database.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_a_second_upgrade_changes_nothing(empty_database_dsn, empty_database):
    upgrade(empty_database_dsn)
    query = text("SELECT count(*), sum(CAST(relfilenode AS bigint)) FROM pg_class")
    with empty_database.connect() as connection:
        before = connection.execute(query).one()
    upgrade(empty_database_dsn)
    with empty_database.connect() as connection:
        assert connection.execute(query).one() == before
        assert connection.execute(text("SELECT count(*) FROM leadership")).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM cluster")).scalar_one() == 1


def test_upgrades_at_the_same_moment_run_one_after_the_other(empty_database_dsn, empty_database):
    with ThreadPoolExecutor(3) as threads:
        upgrades = [threads.submit(upgrade, empty_database_dsn) for _ in range(3)]
        for done in upgrades:
            done.result(30)
    attempt(empty_database, check)


def test_the_new_schema_is_one_that_this_program_knows(empty_database_dsn, empty_database):
    upgrade(empty_database_dsn)
    attempt(empty_database, check)


def test_a_database_without_schema_is_refused_with_what_to_do(empty_database):
    with pytest.raises(SchemaMismatch, match="evenrack-regiond init"):
        attempt(empty_database, check)


@pytest.mark.parametrize(
    ("lowest", "highest"), [(SCHEMA + 1, SCHEMA + 3), (SCHEMA - 2, SCHEMA - 1)]
)
def test_a_schema_of_another_version_is_refused_with_both_versions(sessions, lowest, highest):
    sessions.change(
        "UPDATE cluster SET schema_min = :low, schema_max = :high", low=lowest, high=highest
    )
    with pytest.raises(SchemaMismatch, match=f"needs schema {SCHEMA}.*{lowest} to {highest}"):
        sessions.run(check)


def test_a_newer_schema_that_still_serves_this_program_is_accepted(sessions):
    sessions.change("UPDATE cluster SET schema_max = :high", high=SCHEMA + 1)
    sessions.run(check)


def test_a_database_whose_single_row_is_gone_is_refused(sessions):
    sessions.change("DELETE FROM cluster")
    with pytest.raises(SchemaMismatch, match="none"):
        sessions.run(check)


def test_an_upgrade_without_a_server_says_that_none_answers(tmp_path):
    with pytest.raises(DatabaseUnreachable):
        upgrade(f"host={tmp_path} dbname=evenrack user=evenrack password=never-shown")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO cluster VALUES (2, 1, 1)",
        "INSERT INTO leadership VALUES (2, 0, 0, 0, '', NULL, 0, 0)",
        "INSERT INTO process VALUES ('region1/1', 'region1', 1, 0, 1, '[]', 'asleep')",
        "INSERT INTO process VALUES ('region9/1', 'region9', 1, 0, 1, '[]', 'running')",
    ],
)
def test_rows_that_make_no_sense_are_refused_by_the_tables(sessions, statement):
    sessions.change("INSERT INTO region VALUES ('region1', 'region1')")
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        sessions.change(statement)


def test_programs_of_the_schema_before_go_on_with_this_one(sessions):
    ((lowest, highest),) = sessions.rows("SELECT schema_min, schema_max FROM cluster")
    assert lowest <= SCHEMA - 1 < SCHEMA == highest
