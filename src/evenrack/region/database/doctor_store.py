"""What `evenrack doctor` asks of the database: schema, sessions, standbys, certificates."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from evenrack.model.moments import as_text
from evenrack.region.database.engine import POOL_SESSIONS
from evenrack.region.database.schema import SCHEMA
from evenrack.region.database.server_clock import read_clock
from evenrack.region.database.trust_store import read_authorities
from evenrack.trust.certificates import certificates_from_pem, pin_of

SESSIONS_OF_PROCESS = POOL_SESSIONS + 3
"""The pool, and one each to beat, to hold the leader's lock, and to listen."""

MOST_CERTIFICATES = 50
LEAF_NEAR_END = timedelta(days=7)
"""Renewed at two thirds of its 31 days, a certificate that is well has eight days left."""
AUTHORITY_NEAR_END = timedelta(days=180)


def read_condition(connection: Connection) -> dict[str, Any]:
    """Give all of it as JSON; certificates only when they are near their end, the nearest first."""
    return {
        "schema": _schema(connection),
        "sessions": _sessions(connection),
        "standbys": _standbys(connection),
        "certificates": _near_their_end(connection),
    }


def _schema(connection: Connection) -> dict[str, int]:
    row = connection.execute(text("SELECT schema_min, schema_max FROM cluster")).one()
    return {"needed": SCHEMA, "lowest": row.schema_min, "highest": row.schema_max}


def _sessions(connection: Connection) -> dict[str, int]:
    """Give how many sessions there may be; limits of the role and of the database count, too.

    PostgreSQL keeps some for superusers, and since version 16 some for roles that are named.
    """
    row = connection.execute(
        text(
            "SELECT (SELECT count(*) FROM process WHERE state = 'running') AS processes, least("
            "CAST(current_setting('max_connections') AS integer) "
            "- CAST(current_setting('superuser_reserved_connections') AS integer) "
            "- coalesce(CAST(current_setting('reserved_connections', true) AS integer), 0), "
            "(SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user), "
            "(SELECT nullif(datconnlimit, -1) FROM pg_database "
            "WHERE datname = current_database())) AS allowed"
        )
    ).one()
    return {
        "processes": row.processes,
        "of_each": SESSIONS_OF_PROCESS,
        "needed": row.processes * SESSIONS_OF_PROCESS,
        "allowed": row.allowed,
    }


def _standbys(connection: Connection) -> int:
    count: int = connection.execute(
        text(
            "SELECT count(*) FROM pg_stat_replication "
            "WHERE coalesce(application_name, '') <> 'pg_basebackup'"
        )
    ).scalar_one()
    return count


def _near_their_end(connection: Connection) -> list[dict[str, Any]]:
    """Give the newest certificate of each host that is in use, and the authorities."""
    now = read_clock(connection)
    rows = connection.execute(
        text(
            "SELECT kind, name, max(not_after) AS not_after FROM ("
            "SELECT 'rack' AS kind, r.hostname AS name, c.rack_id AS holder, c.not_after "
            "FROM certificate c JOIN rack r ON r.id = c.rack_id WHERE c.revoked_at IS NULL "
            "UNION ALL SELECT 'region', c.region, c.region, c.not_after FROM certificate c "
            "WHERE EXISTS (SELECT FROM process WHERE region_id = c.region AND state <> 'off')"
            ") held GROUP BY kind, name, holder HAVING max(not_after) < :late "
            "ORDER BY not_after, kind, name LIMIT :most"
        ),
        {"late": now + LEAF_NEAR_END, "most": MOST_CERTIFICATES},
    )
    found = [_certificate(row.kind, row.name, row.not_after, now) for row in rows]
    for stored in read_authorities(connection):
        (authority,) = certificates_from_pem(stored.certificate.encode())
        end = authority.not_valid_after_utc
        if stored.state != "retiring" and end < now + AUTHORITY_NEAR_END:
            found.append(_certificate("authority", pin_of(authority)[:16], end, now))
    return found


def _certificate(kind: str, name: str, end: datetime, now: datetime) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "not_after": as_text(end),
        "seconds_left": round((end - now).total_seconds()),
    }
