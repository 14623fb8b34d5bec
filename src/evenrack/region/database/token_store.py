"""Tokens: who may ask over HTTP and how much. Only hashes are kept; all times are the database's.

A name is given once: the audit log names tokens, and shall never mean two.
"""

from typing import Any, Literal

from attrs import frozen
from sqlalchemy import Connection, text

from evenrack.errors import CannotEverWork
from evenrack.model.moments import as_text

Role = Literal["viewer", "operator", "admin"]
"""What one may do; each includes those before it: look, change the network, say who may ask."""

ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")

MOST_REVOKED = 1_000
"""Of those that are listed, the newest; every other token is."""


class TokenNameTaken(CannotEverWork):
    """A token of this name was made before; it may be revoked by now."""

    wire_code = b"TOKEN_NAME_TAKEN"


class NoSuchToken(CannotEverWork):
    """No token has this name."""

    wire_code = b"NO_SUCH_TOKEN"


@frozen(kw_only=True)
class TokenHolder:
    """Who shows a token that is good at this moment."""

    name: str
    role: Role


def is_enough(role: Role, needed: Role) -> bool:
    """Tell whether a role includes another."""
    return ROLES.index(role) >= ROLES.index(needed)


def create_token(
    connection: Connection, *, name: str, role: Role, days: int, digest: bytes, who: str
) -> dict[str, Any]:
    """Keep a new token by its hash; TokenNameTaken when the name was given before."""
    row = connection.execute(
        text(
            "INSERT INTO token (who, name, role, hash, expires_at) VALUES (:who, :name, :role, "
            ":digest, clock_timestamp() + make_interval(days => :days)) "
            "ON CONFLICT ON CONSTRAINT token_name_key DO NOTHING RETURNING *, 'good' AS state"
        ),
        {"who": who, "name": name, "role": role, "digest": digest, "days": days},
    ).one_or_none()
    if row is None:
        raise TokenNameTaken(
            f'a token called "{name}" was made before; the audit log names tokens, '
            "so each name is used once: choose another"
        )
    return _form(row)


def find_holder(connection: Connection, digest: bytes) -> TokenHolder | None:
    """Give who has the token with this hash, if it is neither expired nor revoked."""
    row = connection.execute(
        text(
            "SELECT name, role FROM token WHERE hash = :digest AND revoked_at IS NULL "
            "AND expires_at > clock_timestamp()"
        ),
        {"digest": digest},
    ).one_or_none()
    return None if row is None else TokenHolder(name=row.name, role=row.role)


def read_tokens(connection: Connection, name: str | None = None) -> list[dict[str, Any]]:
    """Give every token that is not revoked, or the one of this name, then those that are revoked.

    As programs see them: never the token itself.
    """
    rows = connection.execute(
        text(
            "SELECT *, CASE WHEN revoked_at IS NOT NULL THEN 'revoked' "
            "WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'good' END AS state "
            "FROM token WHERE CASE WHEN CAST(:name AS text) IS NOT NULL THEN name = :name "
            "ELSE revoked_at IS NULL OR id IN (SELECT id FROM token WHERE revoked_at IS NOT NULL "
            "ORDER BY id DESC LIMIT :most) END ORDER BY revoked_at IS NOT NULL, id"
        ),
        {"name": name, "most": MOST_REVOKED},
    )
    return [_form(row) for row in rows]


def revoke_token(connection: Connection, name: str) -> dict[str, Any]:
    """Let a token count no more from the commit on; NoSuchToken. Safe to repeat."""
    connection.execute(
        text(
            "UPDATE token SET revoked_at = clock_timestamp() "
            "WHERE name = :name AND revoked_at IS NULL"
        ),
        {"name": name},
    )
    for token in read_tokens(connection, name):
        return token
    names = ", ".join(token["name"] for token in read_tokens(connection)[:20]) or "none yet"
    raise NoSuchToken(f"no token has this name; there are: {names}")


def _form(row: Any) -> dict[str, Any]:
    return {
        "name": row.name,
        "role": row.role,
        "state": row.state,
        "created_by": row.who,
        "created_at": as_text(row.at),
        "expires_at": as_text(row.expires_at),
        "revoked_at": None if row.revoked_at is None else as_text(row.revoked_at),
    }
