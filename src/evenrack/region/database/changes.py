"""What has changed since an earlier reading: triggers note it, in the transaction that changes.

A reading sees what was committed before it began, and notes its snapshot. What a later reading has
to look at was written by transactions that were not over in that snapshot.
"""

from collections.abc import Collection, Mapping

from attrs import frozen
from sqlalchemy import Connection, text

Changed = Mapping[str, frozenset[str]]
"""Table to the keys of its rows that may be others, gone or new; '' where none is told."""


@frozen(kw_only=True)
class Mark:
    """The moment of one reading."""

    server: str
    """Which server, run, timeline and table: nothing is known of changes from one to another."""
    number: tuple[int, int, int]
    """The leader's epoch and the fleet's number, which only a restored dump sets back."""
    snapshot: str
    """PostgreSQL's own words for what was over by then."""
    oldest: int
    """The oldest transaction that may have been under way (`xmin` of the snapshot)."""
    pruned_below: int


def read_mark(connection: Connection) -> Mark:
    """Give the mark of this transaction's reading; call it first."""
    row = connection.execute(
        text(
            "SELECT pg_current_snapshot()::text AS snapshot, "
            "pg_postmaster_start_time()::text || ' ' || CASE WHEN pg_is_in_recovery() "
            "THEN 'standby' ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END "
            "|| ' ' || CAST('change' AS regclass)::oid AS server, "
            "coalesce((SELECT below FROM change_pruned), 0) AS pruned_below, "
            "epoch, era, generation FROM leadership"
        )
    ).one()
    return Mark(
        server=row.server,
        number=(row.epoch, row.era, row.generation),
        snapshot=row.snapshot,
        oldest=int(row.snapshot.partition(":")[0]),
        pruned_below=row.pruned_below,
    )


def changes_since(
    connection: Connection, before: Mark, now: Mark, subjects: Collection[str]
) -> Changed | None:
    """Give what changed in these tables from one reading to another; None when that is not known.

    As when it is not known any more, or the two readings are not of one and the same database.
    """
    same = before.server == now.server and before.oldest <= now.oldest
    if not same or now.number < before.number or now.pruned_below > before.oldest:
        return None
    rows = connection.execute(
        text(
            "SELECT DISTINCT subject, key FROM change WHERE xid >= :oldest "
            "AND subject = ANY(:subjects) "
            "AND NOT pg_visible_in_snapshot(xid::text::xid8, CAST(:seen AS pg_snapshot))"
        ),
        {"oldest": before.oldest, "subjects": sorted(subjects), "seen": before.snapshot},
    )
    changed: dict[str, set[str]] = {}
    for row in rows:
        changed.setdefault(row.subject, set()).add(row.key)
    return {subject: frozenset(keys) for subject, keys in changed.items()}


def prune_changes(connection: Connection, below: int) -> None:
    """Forget changes of transactions below this one, and say so to whoever has read since."""
    connection.execute(
        text(
            "INSERT INTO change_pruned (id, below) VALUES (1, :below) "
            "ON CONFLICT (id) DO UPDATE SET below = greatest(change_pruned.below, excluded.below)"
        ),
        {"below": below},
    )
    connection.execute(text("DELETE FROM change WHERE xid < :below"), {"below": below})
