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
    """Which server, run, timeline and table: nothing is known of changes from one to another.

    A server that recovers from the crash of one of its processes goes on as the same, and gives
    numbers of lost transactions out again; but it begins its statistics anew.
    """
    epoch: int
    number: tuple[int, int]
    """The leader's epoch and the fleet's number: only a restored dump sets either of them back. The
    next leader begins a new epoch at once, and its numbers are lower ones all the same."""
    oldest: int
    """The oldest transaction that may have been under way (`xmin` of the snapshot)."""
    ahead: int
    """The first one that had not begun (`xmax`); on a standby, whose snapshots do not name what is
    under way, the oldest that may have been."""
    under_way: tuple[int, ...]
    """Those between the two that were not over."""
    pruned_below: int


def read_mark(connection: Connection) -> Mark:
    """Give the mark of this transaction's reading; call it first."""
    row = connection.execute(
        text(
            "SELECT pg_current_snapshot()::text AS snapshot, pg_is_in_recovery() AS is_standby, "
            "pg_postmaster_start_time()::text || ' ' "
            "|| coalesce((SELECT stats_reset FROM pg_stat_bgwriter)::text, '') || ' ' "
            "|| CASE WHEN pg_is_in_recovery() "
            "THEN 'standby' ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END "
            "|| ' ' || CAST('change' AS regclass)::oid AS server, "
            "coalesce((SELECT below FROM change_pruned), 0) AS pruned_below, "
            "epoch, era, generation FROM leadership"
        )
    ).one()
    oldest, ahead, under_way = row.snapshot.split(":")
    return Mark(
        server=row.server,
        epoch=row.epoch,
        number=(row.era, row.generation),
        oldest=int(oldest),
        ahead=int(oldest if row.is_standby else ahead),
        under_way=tuple(int(each) for each in under_way.split(",") if each),
        pruned_below=row.pruned_below,
    )


def changes_since(
    connection: Connection, before: Mark, now: Mark, subjects: Collection[str]
) -> Changed | None:
    """Give what changed in these tables from one reading to another; None when that is not known.

    As when it is not known any more, or the two readings are not of one and the same database.
    """
    same = before.server == now.server and before.oldest <= now.oldest
    went_back = now.epoch < before.epoch or now.number < before.number
    if not same or went_back or now.pruned_below > before.oldest:
        return None
    rows = connection.execute(
        text(
            "SELECT DISTINCT subject, key FROM change "
            "WHERE (xid >= :ahead OR xid = ANY(:under_way)) AND subject = ANY(:subjects)"
        ),
        {
            "ahead": before.ahead,
            "under_way": list(before.under_way),
            "subjects": sorted(subjects),
        },
    )
    changed: dict[str, set[str]] = {}
    for row in rows:
        changed.setdefault(row.subject, set()).add(row.key)
    return {subject: frozenset(keys) for subject, keys in changed.items()}


def forget_changes(connection: Connection) -> None:
    """Let everybody read everything anew, whose last reading was before this transaction.

    For tables that went back in time: what was noted of their changes went back with them, and the
    fleet's number will be a high one again before all have seen that.
    """
    connection.execute(
        text(
            "INSERT INTO change_pruned (id, below) "
            "VALUES (1, pg_current_xact_id()::text::bigint + 1) "
            "ON CONFLICT (id) DO UPDATE SET below = greatest(change_pruned.below, excluded.below)"
        )
    )


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
