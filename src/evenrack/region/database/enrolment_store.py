"""Enrolment secrets: many, named, each limited in time and count, sealed."""

from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen
from sqlalchemy import Connection, RowMapping, Select, func, select, text
from sqlalchemy.exc import IntegrityError

from evenrack.errors import EnrolmentRefused
from evenrack.model.identifiers import RackId
from evenrack.region.database.trust_tables import enrolment
from evenrack.region.sealing import Cell


@frozen(kw_only=True)
class Enrolment:
    """One enrolment secret as it is shown: not the secret itself."""

    id: int
    name: str
    who: str
    at: datetime
    rack: RackId | None
    """The rack that may come back with it; None for a new one."""
    uses_left: int
    expires_at: datetime
    is_expired: bool
    is_revoked: bool
    sealed_secret: bytes = field(repr=False)

    @property
    def state(self) -> str:
        """Say in one word whether it still lets racks in."""
        if self.is_revoked:
            return "revoked"
        if self.is_expired:
            return "expired"
        return "open" if self.uses_left else "used up"


@frozen(kw_only=True)
class NewEnrolment:
    """What an operator asks for."""

    name: str
    who: str
    rack: RackId | None
    uses: int
    life: timedelta


class NameTaken(Exception):
    """Another enrolment has this name."""


_ROWS = select(
    enrolment,
    (enrolment.c.expires_at <= func.now()).label("is_expired"),
    enrolment.c.revoked_at.isnot(None).label("is_revoked"),
)


def secret_cell(number: int) -> Cell:
    """Give the place that a secret is sealed for."""
    return Cell(table="enrolment", column="sealed_secret", row=number)


def add_enrolment(connection: Connection, new: NewEnrolment, lookup: str) -> int:
    """Make the row; the secret is sealed for the number that this gives. NameTaken."""
    try:
        number: int = connection.execute(
            text(
                "INSERT INTO enrolment "
                "(name, who, lookup, sealed_secret, rack_id, uses_left, expires_at) "
                "VALUES (:name, :who, :lookup, '', :rack, :uses, now() + :life) RETURNING id"
            ),
            {
                "name": new.name,
                "who": new.who,
                "lookup": lookup,
                "rack": new.rack,
                "uses": new.uses,
                "life": new.life,
            },
        ).scalar_one()
    except IntegrityError:
        raise NameTaken(new.name) from None
    return number


def keep_secret(connection: Connection, number: int, sealed: bytes) -> None:
    """Write the sealed secret of an enrolment."""
    connection.execute(
        text("UPDATE enrolment SET sealed_secret = :sealed WHERE id = :id"),
        {"sealed": sealed, "id": number},
    )


def read_enrolments(connection: Connection) -> list[Enrolment]:
    """Read all of them, the newest first."""
    rows = connection.execute(_ROWS.order_by(enrolment.c.id.desc()))
    return [_enrolment(row) for row in rows.mappings()]


def find_enrolment(connection: Connection, *, lookup: str) -> Enrolment | None:
    """Find the one whose secret begins with this."""
    return _one(connection, _ROWS.where(enrolment.c.lookup == lookup))


def named_enrolment(connection: Connection, name: str) -> Enrolment | None:
    """Find the one with this name."""
    return _one(connection, _ROWS.where(enrolment.c.name == name))


def use_enrolment(connection: Connection, number: int) -> Enrolment:
    """Let one rack in with it; EnrolmentRefused when it is used up, expired or revoked."""
    found = _one(connection, _ROWS.where(enrolment.c.id == number).with_for_update())
    if found is None:
        raise EnrolmentRefused("the enrolment secret was deleted")
    if found.state != "open":
        raise EnrolmentRefused(
            f'enrolment "{found.name}" is {found.state}: make another one, with '
            "`evenrack enrolment create`"
        )
    connection.execute(
        text("UPDATE enrolment SET uses_left = uses_left - 1 WHERE id = :id"), {"id": number}
    )
    return found


def revoke_enrolment(connection: Connection, name: str) -> Enrolment | None:
    """Let nobody in with it any more; None when there is none of this name. Safe to repeat."""
    connection.execute(
        text("UPDATE enrolment SET revoked_at = coalesce(revoked_at, now()) WHERE name = :name"),
        {"name": name},
    )
    return named_enrolment(connection, name)


def end_enrolments_of(connection: Connection, rack: RackId) -> None:
    """Let this rack come back with none of those that were made for it."""
    connection.execute(
        text(
            "UPDATE enrolment SET revoked_at = now() WHERE rack_id = :rack AND revoked_at IS NULL"
        ),
        {"rack": rack},
    )


def _one(connection: Connection, rows: Select[Any]) -> Enrolment | None:
    row = connection.execute(rows).mappings().one_or_none()
    return None if row is None else _enrolment(row)


def _enrolment(row: RowMapping) -> Enrolment:
    return Enrolment(
        id=row["id"],
        name=row["name"],
        who=row["who"],
        at=row["at"],
        rack=None if row["rack_id"] is None else RackId(row["rack_id"]),
        uses_left=row["uses_left"],
        expires_at=row["expires_at"],
        is_expired=row["is_expired"],
        is_revoked=row["is_revoked"],
        sealed_secret=bytes(row["sealed_secret"]),
    )
