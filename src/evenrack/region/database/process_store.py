"""Rows of region processes: who registers, who beats, who was given up."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import frozen
from sqlalchemy import Connection, text

from evenrack.errors import DeclaredDead
from evenrack.model.host_port import HostPort, parse_host_port
from evenrack.model.identifiers import LinkId, ProcessId, RackId, region_of
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.notify import notify


@frozen(kw_only=True)
class Incarnation:
    """One life of a process between its registration and its death."""

    process: ProcessId
    incarnation: int


@frozen(kw_only=True)
class Registration:
    """What a process says of itself when it registers."""

    process: ProcessId
    hostname: str
    pid: int
    addresses: tuple[HostPort, ...]


@frozen(kw_only=True)
class Beats:
    """What one beat brought back."""

    server: str
    """Names this start of this PostgreSQL server: another text, another server."""
    clock: datetime
    """The server's, when it did the beat."""
    beats: Mapping[ProcessId, tuple[int, int]]
    """(incarnation, beat) of each process that is recorded as running."""
    managed: frozenset[RackId]
    """The racks that the beating process manages by the tables."""
    links: Mapping[LinkId, RackId]
    """The links that the tables show for the beating process, each with its rack."""


def register(connection: Connection, registration: Registration) -> Incarnation:
    """Enter a process as running, in a new incarnation and without links."""
    region = region_of(registration.process)
    connection.execute(
        text(
            "INSERT INTO region (id, hostname) VALUES (:id, :hostname) "
            "ON CONFLICT (id) DO UPDATE SET hostname = excluded.hostname "
            "WHERE region.hostname <> excluded.hostname"
        ),
        {"id": region, "hostname": registration.hostname},
    )
    incarnation = connection.execute(
        text(
            "INSERT INTO process (id, region_id, incarnation, beat, pid, addresses, state) "
            "VALUES (:id, :region, 1, 0, :pid, to_jsonb(CAST(:addresses AS text[])), 'running') "
            "ON CONFLICT (id) DO UPDATE SET incarnation = process.incarnation + 1, beat = 0, "
            "pid = excluded.pid, addresses = excluded.addresses, state = 'running' "
            "RETURNING incarnation"
        ),
        {
            "id": registration.process,
            "region": region,
            "pid": registration.pid,
            "addresses": [str(address) for address in registration.addresses],
        },
    ).scalar_one()
    _forget_links(connection, registration.process)
    started = Event(
        kind="join",
        object=f"process:{registration.process}",
        text=f"{registration.process} runs as incarnation {incarnation}",
        data={"incarnation": incarnation, "pid": registration.pid},
    )
    record(connection, [started], current_number(connection))
    notify(connection, "members")
    return Incarnation(process=registration.process, incarnation=incarnation)


def beat(connection: Connection, me: Incarnation, *, clock_ahead: float | None = None) -> Beats:
    """Raise the process's beat and read all the others'; DeclaredDead when it was given up.

    Runs in autocommit, each statement its own transaction; the disk is not waited for. The row is
    written anew by the beat in any case, so what it says of the clock costs nothing.
    """
    alive = connection.execute(
        text(
            "UPDATE process SET beat = beat + 1, clock_ahead = :clock_ahead "
            "WHERE id = :process AND incarnation = :incarnation AND state = 'running' "
            "RETURNING clock_timestamp() AS clock"
        ),
        {
            "process": me.process,
            "incarnation": me.incarnation,
            "clock_ahead": clock_ahead,
        },
    ).one_or_none()
    if alive is None:
        raise DeclaredDead(f"{me.process} incarnation {me.incarnation} was given up by the others")
    row = connection.execute(
        _AFTER_THE_BEAT, {"process": me.process, "incarnation": me.incarnation}
    ).one()
    return Beats(
        server=row.server,
        clock=alive.clock,
        beats={ProcessId(process): tuple(pair) for process, pair in (row.beats or {}).items()},
        managed=frozenset(RackId(rack) for rack in row.managed or ()),
        links={LinkId(link): RackId(rack) for link, rack in (row.links or {}).items()},
    )


_AFTER_THE_BEAT = text(
    "SELECT (SELECT json_object_agg(id, json_build_array(incarnation, beat)) FROM process "
    "WHERE state = 'running') AS beats, "
    "(SELECT json_agg(rack_id) FROM managing WHERE process_id = :process) AS managed, "
    "(SELECT json_object_agg(link, rack_id) FROM connection WHERE process_id = :process "
    "AND incarnation = :incarnation) AS links, "
    "pg_postmaster_start_time()::text || ' ' || CASE WHEN pg_is_in_recovery() THEN 'standby' "
    "ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END AS server, "
    "set_config('synchronous_commit', 'off', false)"  # from the session's next beat on
)


def mark_dead(
    connection: Connection, silent: Sequence[tuple[Incarnation, int]]
) -> list[Incarnation]:
    """Record processes as dead whose beat is still the one that was seen; give those marked.

    Also forgets their links. Their racks are placed anew by the same transaction's caller.
    """
    marked = []
    for who, seen_beat in silent:
        row = connection.execute(
            text(
                "UPDATE process SET state = 'dead' WHERE id = :process "
                "AND incarnation = :incarnation AND beat = :beat AND state = 'running' "
                "RETURNING 1"
            ),
            {"process": who.process, "incarnation": who.incarnation, "beat": seen_beat},
        ).one_or_none()
        if row is not None:
            _forget_links(connection, who.process)
            marked.append(who)
    return marked


def say_leaving(connection: Connection, me: Incarnation) -> None:
    """Record that this process is being stopped: it is to lead and to manage nothing any more."""
    leaves = connection.execute(
        text(
            "UPDATE process SET leaving = incarnation WHERE id = :process "
            "AND incarnation = :incarnation AND state = 'running' AND leaving <> incarnation "
            "RETURNING 1"
        ),
        {"process": me.process, "incarnation": me.incarnation},
    ).one_or_none()
    if leaves is not None:
        event = Event(
            kind="drain",
            object=f"process:{me.process}",
            text=f"{me.process} is being stopped: what it manages moves away first",
        )
        record(connection, [event], current_number(connection))
        notify(connection, "members")


def mark_off(connection: Connection, me: Incarnation) -> None:
    """Record that this process was stopped in order."""
    stopped = connection.execute(
        text(
            "UPDATE process SET state = 'off' WHERE id = :process "
            "AND incarnation = :incarnation AND state = 'running' RETURNING 1"
        ),
        {"process": me.process, "incarnation": me.incarnation},
    ).one_or_none()
    if stopped is not None:
        _forget_links(connection, me.process)
        event = Event(
            kind="loss", object=f"process:{me.process}", text=f"{me.process} was stopped in order"
        )
        record(connection, [event], current_number(connection))
        notify(connection, "members")


def read_endpoints(connection: Connection) -> dict[ProcessId, tuple[HostPort, ...]]:
    """Give where every process can be dialled that was not stopped in order.

    A dead process stays on the list: it may be back before anyone notices.
    """
    rows = connection.execute(
        text("SELECT id, addresses FROM process WHERE state <> 'off' ORDER BY id")
    )
    return {
        ProcessId(row.id): tuple(parse_host_port(address) for address in row.addresses)
        for row in rows
    }


def _forget_links(connection: Connection, process: ProcessId) -> None:
    connection.execute(
        text("DELETE FROM connection WHERE process_id = :process"), {"process": process}
    )
