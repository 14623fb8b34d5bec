"""The schema: made and upgraded by explicit command, checked when a daemon starts."""

from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.database.sessions import READ_ONLY_STATE, connect

SCHEMA = 23
"""The schema that this program was written for."""

MIGRATION_LOCK = 0x65766E01
"""Advisory lock, so that two `migrate` at once run one after the other."""


def upgrade(dsn: str) -> None:
    """Bring the database to the newest schema; does nothing when it is there already.

    DatabaseUnreachable when nothing answers.
    """
    # Alembic takes 0.4 s to load, and only init and migrate need it
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg2://", creator=lambda: connect(dsn, "evenrack migrate")
    )
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
    except DBAPIError as problem:
        read_only = getattr(problem.orig, "pgcode", None) == READ_ONLY_STATE
        if not read_only and not isinstance(problem, OperationalError):
            raise
        raise DatabaseUnreachable(str(problem.orig).strip()) from problem
    finally:
        engine.dispose()


def check(connection: Connection) -> None:
    """Refuse a database whose schema this program does not know; SchemaMismatch says what to do."""
    try:
        row = connection.execute(text("SELECT schema_min, schema_max FROM cluster")).one_or_none()
    except DBAPIError as problem:
        if isinstance(problem, OperationalError):
            raise
        raise SchemaMismatch(
            "the database has no evenrack schema: run `evenrack-regiond init` once a cluster"
        ) from problem
    if row is None or not row.schema_min <= SCHEMA <= row.schema_max:
        found = "none" if row is None else f"{row.schema_min} to {row.schema_max}"
        raise SchemaMismatch(
            f"this program needs schema {SCHEMA}, the database serves {found}: "
            "upgrade the programs, or run `evenrack-regiond migrate`"
        )
