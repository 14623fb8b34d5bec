"""What the cluster knows of its keys: which one encrypts, and which process has which.

Never a key itself: a key is named by its fingerprint. What a process has is told by its newest
event of the kind `keys`, if that is of the life that the process lives now.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Select, select, update

from evenrack.model.identifiers import ProcessId
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.notify import notify
from evenrack.region.database.tables import cluster, event, process, region

KIND: Final = "keys"


@frozen(kw_only=True)
class KeyOrigin:
    """The key that encrypts (never the key itself), and a host that has it."""

    fingerprint: str
    host: str


@frozen(kw_only=True)
class KeyReport:
    """What a region process says of its keys."""

    known: Mapping[str, str] = MappingProxyType({})
    """The fingerprint of each key of its host, by its id."""
    encrypting: str | None = None
    """The fingerprint of the key that it encrypts with."""


NOTHING_REPORTED = KeyReport()
"""What is known of a process that has said nothing yet."""


@frozen(kw_only=True)
class KeyStanding:
    """What a process reads each second: how the cluster stands, and what it said itself."""

    origin: KeyOrigin | None
    """None before any key was made."""
    incarnation: int | None
    """The life that the process lives by its row; None before it has joined."""
    reported: KeyReport


@frozen(kw_only=True)
class ProcessKeys:
    """A running region process and its keys."""

    process: ProcessId
    hostname: str
    report: KeyReport


def read_key_origin(connection: Connection) -> KeyOrigin | None:
    """Read which key encrypts; None before any was made."""
    return _origin(connection, _ORIGIN)


def lock_key_origin(connection: Connection) -> KeyOrigin | None:
    """Read it, and let nobody else do so before this transaction ends; None without keys."""
    return _origin(connection, _ORIGIN.with_for_update())


def write_key_origin(connection: Connection, origin: KeyOrigin) -> None:
    """Let this key encrypt from now on, in the place of the one before."""
    connection.execute(
        update(cluster).values(key_fingerprint=origin.fingerprint, key_host=origin.host)
    )
    notify(connection, KIND)


def read_key_standing(connection: Connection, who: ProcessId) -> KeyStanding:
    """Read which key encrypts, and what this process has said of its own."""
    row = connection.execute(
        select(process.c.incarnation, _REPORT).where(process.c.id == who)
    ).one_or_none()
    return KeyStanding(
        origin=read_key_origin(connection),
        incarnation=None if row is None else row.incarnation,
        reported=NOTHING_REPORTED if row is None else _report(row.data),
    )


def report_keys(
    connection: Connection, who: ProcessId, incarnation: int, report: KeyReport
) -> None:
    """Tell everybody which keys a process has."""
    ids = {fingerprint: key_id for key_id, fingerprint in report.known.items()}
    encrypting = ids.get(report.encrypting or "", "none of them")
    named = f"the keys {', '.join(report.known)}, and encrypts with {encrypting}"
    told = Event(
        kind=KIND,
        object=f"process:{who}",
        text=f"{who} has {named if ids else 'no keys'}",
        data={
            "incarnation": incarnation,
            "known": dict(report.known),
            "encrypting": report.encrypting,
        },
    )
    record(connection, [told], current_number(connection))


def read_process_keys(connection: Connection) -> list[ProcessKeys]:
    """Read the keys of every process that runs by its row, in the order of their names."""
    rows = connection.execute(
        select(process.c.id, region.c.hostname, _REPORT)
        .select_from(process.join(region))
        .where(process.c.state == "running")
        .order_by(process.c.id)
    )
    return [
        ProcessKeys(process=ProcessId(row.id), hostname=row.hostname, report=_report(row.data))
        for row in rows
    ]


_ORIGIN = select(cluster.c.key_fingerprint, cluster.c.key_host)

_REPORT = (
    select(event.c.data)
    .where(
        event.c.kind == KIND,
        event.c.object == "process:" + process.c.id,
        event.c.data["incarnation"].as_integer() == process.c.incarnation,
    )
    .order_by(event.c.id.desc())
    .limit(1)
    .correlate(process)
    .scalar_subquery()
    .label("data")
)


def _origin(
    connection: Connection, query: Select[tuple[str | None, str | None]]
) -> KeyOrigin | None:
    row = connection.execute(query).one()
    if row.key_fingerprint is None:
        return None
    return KeyOrigin(fingerprint=row.key_fingerprint, host=row.key_host)


def _report(data: Any) -> KeyReport:
    if data is None:
        return NOTHING_REPORTED
    return KeyReport(known=data["known"], encrypting=data["encrypting"])
