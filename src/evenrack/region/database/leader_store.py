"""Leadership: the fence and the fleet's number in one row, and the lock that makes take-over early.

A transaction that decides anything begins with `next_number`. The row stays locked to its commit,
so a take-over waits for it, or wins and leaves it nothing to update.
"""

from attrs import frozen
from sqlalchemy import Connection, text

from evenrack.errors import NoLongerLeader
from evenrack.model.fleet import Leadership
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId

LEADER_LOCK = 0x65766E02
IDS_LEFT_OUT = 1_000_000
"""A database that went back lost fewer orders and events than this."""


@frozen(kw_only=True)
class TakeOver:
    """A leadership that was just won."""

    epoch: int
    number: FleetNumber
    new_database: bool
    """The database is another one than the last leader's: the era grew."""


def read_leadership(connection: Connection) -> Leadership:
    """Read who leads and the fleet's number."""
    row = connection.execute(
        text(
            "SELECT l.*, EXISTS (SELECT 1 FROM process p WHERE p.id = l.holder_id "
            "AND p.incarnation = l.holder_incarnation AND p.state = 'running') AS holder_runs, "
            "(SELECT json_agg(json_build_array(p.id, p.incarnation)) FROM process p "
            "WHERE p.state = 'running' AND p.leaving <> p.incarnation) AS candidates "
            "FROM leadership l"
        )
    ).one()
    return Leadership(
        number=FleetNumber(row.era, row.generation),
        epoch=row.epoch,
        holder=None if row.holder_id is None else ProcessId(row.holder_id),
        holder_incarnation=row.holder_incarnation,
        holder_runs=row.holder_runs,
        lock_backend=row.lock_backend,
        is_to_step_down=row.step_down_epoch == row.epoch != 0,
        candidates=frozenset((ProcessId(name), number) for name, number in row.candidates or ()),
    )


def current_number(connection: Connection) -> FleetNumber:
    """Read the fleet's number without raising it."""
    row = connection.execute(text("SELECT era, generation FROM leadership")).one()
    return FleetNumber(row.era, row.generation)


def try_lock(connection: Connection) -> int | None:
    """Take or keep the leader's lock without waiting: this session's backend, or None."""
    held = text(
        "SELECT pg_backend_pid() WHERE EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' "
        "AND pid = pg_backend_pid() AND granted AND objid = :key) OR pg_try_advisory_lock(:key)"
    )
    return connection.execute(held, {"key": LEADER_LOCK}).scalar_one_or_none()


def take_over(
    connection: Connection,
    *,
    seen_epoch: int,
    process: ProcessId,
    incarnation: int,
    lock_backend: int,
) -> TakeOver | None:
    """Become leader if nobody has since the epoch was seen; None when somebody was quicker."""
    row = connection.execute(
        text(
            "UPDATE leadership SET epoch = epoch + 1, generation = generation + 1, "
            "holder_id = :process, holder_incarnation = :incarnation, lock_backend = :backend "
            "WHERE id = 1 AND epoch = :seen RETURNING epoch, database_identity"
        ),
        {
            "process": process,
            "incarnation": incarnation,
            "backend": lock_backend,
            "seen": seen_epoch,
        },
    ).one_or_none()
    if row is None:
        return None
    identity = _database_identity(connection)
    new_database = row.database_identity not in ("", identity)
    number = _note_identity(connection, identity)
    if new_database:
        leave_ids_out(connection)
    return TakeOver(epoch=row.epoch, number=number, new_database=new_database)


def _note_identity(connection: Connection, identity: str) -> FleetNumber:
    """Note which database this is, and give the fleet's number: of a new era in another one."""
    row = connection.execute(
        text(
            "UPDATE leadership SET database_identity = :identity, "
            "era = CASE WHEN database_identity = :identity THEN era ELSE era + 1 END "
            "WHERE id = 1 RETURNING era, generation"
        ),
        {"identity": identity},
    ).one()
    return FleetNumber(row.era, row.generation)


def ask_to_step_down(connection: Connection) -> None:
    """Want the present leader to give its seat to another; it reads that in its row."""
    connection.execute(text("UPDATE leadership SET step_down_epoch = epoch WHERE id = 1"))


def unlock(connection: Connection) -> bool:
    """Give the leader's lock back, if this session holds it; False when it does not."""
    held = text(
        "SELECT pg_advisory_unlock(:key) FROM pg_locks WHERE locktype = 'advisory' "
        "AND pid = pg_backend_pid() AND granted AND objid = :key LIMIT 1"
    )
    return bool(connection.execute(held, {"key": LEADER_LOCK}).scalar_one_or_none())


def next_number(connection: Connection, *, epoch: int) -> FleetNumber:
    """Begin a leader's transaction: raise the number; NoLongerLeader when the epoch has passed."""
    row = connection.execute(
        text(
            "UPDATE leadership SET generation = generation + 1 "
            "WHERE id = 1 AND epoch = :epoch RETURNING era, generation"
        ),
        {"epoch": epoch},
    ).one_or_none()
    if row is None:
        raise NoLongerLeader(f"epoch {epoch} has passed")
    return FleetNumber(row.era, row.generation)


def raise_number(connection: Connection) -> FleetNumber:
    """Begin a change of the inventory: raise the number.

    The row stays locked to the commit, so changes and the leader's decisions come one by one.
    """
    row = connection.execute(
        text(
            "UPDATE leadership SET generation = generation + 1 WHERE id = 1 "
            "RETURNING era, generation"
        )
    ).one()
    return FleetNumber(row.era, row.generation)


def raise_above(connection: Connection, seen: FleetNumber) -> FleetNumber:
    """Lift the fleet's number above one that a rack holds: the database went back in time."""
    row = connection.execute(
        text(
            "UPDATE leadership SET era = :era, generation = :generation + 1 WHERE id = 1 "
            "AND (era, generation) <= (:era, :generation) RETURNING era, generation"
        ),
        {"era": seen.era, "generation": seen.generation},
    ).one_or_none()
    if row is None:
        return current_number(connection)
    leave_ids_out(connection)
    return FleetNumber(row.era, row.generation)


def leave_ids_out(connection: Connection) -> None:
    """Go on above every id that a database may have given out before it went back in time.

    Racks refuse orders older than the newest they saw, and whoever follows events asks for those
    after the newest they saw.
    """
    for table in ("power_order", "event"):
        connection.execute(
            text(
                "SELECT setval(s, nextval(s) + :more) FROM pg_get_serial_sequence(:table, 'id') s"
            ),
            {"table": table, "more": IDS_LEFT_OUT},
        )


def end_session(connection: Connection, backend: int, name: str) -> None:
    """End the lock's session of a leader that was given up, if it is still the same program."""
    connection.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid = :backend AND application_name = left(:name, 63)"  # it keeps no more
        ),
        {"backend": backend, "name": name},
    )


def _database_identity(connection: Connection) -> str:
    """Name this database server and its timeline; a promoted replica has another timeline."""
    return str(
        connection.execute(
            text(
                "SELECT system_identifier::text || '/' || "
                "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) "
                "FROM pg_control_system()"
            )
        ).scalar_one()
    )
