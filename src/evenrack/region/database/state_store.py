"""What each BMC said last of its machine: when, who asked, and why it could not be asked.

Orders see states too; a BMC with an unfinished order is left alone. All times are the database's.
"""

from datetime import datetime
from typing import Any

from attrs import evolve, frozen
from sqlalchemy import Connection, text

from evenrack.model.identifiers import BmcId, ProcessId, RackId
from evenrack.model.moments import as_text
from evenrack.model.power import PowerOutcome, PowerState
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number

FAILURES_TOLD = 2
"""From so many failures in a row on a BMC counts as one that cannot be asked."""

_SAYS_NOTHING = "the BMC does not say whether its machine is on"

MOST_DOUBLINGS = 4
LONGEST_BACK_OFF = 3600
"""Seconds after which also a BMC that is dead for long is asked again."""


@frozen(kw_only=True)
class DueBmc:
    """A BMC that is to be asked now."""

    bmc: BmcId
    rack: RackId
    """Its owner."""
    asked_at: datetime


def read_due(connection: Connection, process: ProcessId, of_rack: int) -> list[DueBmc]:
    """Give BMCs whose owners this process manages, who have waited longest first.

    At most so many of each rack: one whose BMCs cannot be asked takes no turn from the others.
    """
    rows = connection.execute(
        text(
            "SELECT bmc_id, rack_id, clock_timestamp() AS asked_at FROM ("
            "SELECT o.bmc_id, o.rack_id, s.next_at, row_number() OVER (PARTITION BY o.rack_id "
            "ORDER BY s.next_at NULLS FIRST, o.bmc_id) AS place FROM bmc_owner o "
            "JOIN managing m ON m.rack_id = o.rack_id AND m.process_id = :process "
            "LEFT JOIN bmc_state s ON s.bmc_id = o.bmc_id "
            "WHERE (s.next_at IS NULL OR s.next_at <= clock_timestamp()) "
            "AND NOT EXISTS (SELECT FROM power_order p WHERE p.bmc_id = o.bmc_id "
            "AND p.result IS NULL)) due WHERE place <= :of_rack "
            "ORDER BY next_at NULLS FIRST, bmc_id"
        ),
        {"process": process, "of_rack": of_rack},
    )
    return [
        DueBmc(bmc=BmcId(row.bmc_id), rack=RackId(row.rack_id), asked_at=row.asked_at)
        for row in rows
    ]


def put_off(connection: Connection, bmc: BmcId, seconds: float) -> None:
    """Have a BMC asked later, of which nothing was learned: others have their turn before it."""
    connection.execute(
        text(
            "INSERT INTO bmc_state (bmc_id, next_at) SELECT id, clock_timestamp() + "
            "make_interval(secs => :seconds) FROM bmc WHERE id = :bmc ON CONFLICT (bmc_id) "
            "DO UPDATE SET next_at = greatest(bmc_state.next_at, excluded.next_at)"
        ),
        {"bmc": bmc, "seconds": seconds},
    )


def record_look(
    connection: Connection, due: DueBmc, outcome: PowerOutcome, poll_seconds: float
) -> None:
    """Write down what came of asking a BMC; an order that was entered meanwhile knows better."""
    before = _lock(connection, due.bmc)
    if before is None or before.ordered or (before.seen_at and before.seen_at > due.asked_at):
        return
    if outcome.result == "ok" and outcome.state != "unknown":
        _write_seen(connection, due.bmc, outcome.state, due.rack, poll_seconds)
    else:
        outcome = evolve(outcome, result="failed", error=outcome.error or _SAYS_NOTHING)
        _write_failure(connection, due.bmc, outcome.error, poll_seconds)
    told = _news(before, outcome)
    if told:
        event = Event(kind="power", object=f"bmc:{before.name}", text=told, data={"bmc": due.bmc})
        record(connection, [event], current_number(connection))


def record_ordered(
    connection: Connection,
    bmc: BmcId,
    rack: RackId | None,
    state: PowerState,
    *,
    may_change: bool,
) -> None:
    """Write down what an order saw at its end; a state that it does not know is soon asked for.

    Where the order may yet change it, or has and nobody saw it, no state is known any more: who
    then finds another one must not say that nothing was ordered. It is unknown from now on, so
    that the answer to who asked before is not taken for the state after it.
    """
    if may_change:
        connection.execute(
            text(
                "INSERT INTO bmc_state (bmc_id, state, seen_at, next_at) "
                "SELECT id, 'unknown', clock_timestamp(), clock_timestamp() FROM bmc "
                "WHERE id = :bmc ON CONFLICT (bmc_id) DO UPDATE SET state = excluded.state, "
                "seen_at = excluded.seen_at, seen_by = NULL, next_at = excluded.next_at"
            ),
            {"bmc": bmc},
        )
    elif state != "unknown":
        _write_seen(connection, bmc, state, rack, None)
    else:
        connection.execute(
            text("UPDATE bmc_state SET next_at = clock_timestamp() WHERE bmc_id = :bmc"),
            {"bmc": bmc},
        )


def last_states(connection: Connection) -> dict[str, dict[str, Any]]:
    """Give the power state of each machine as last seen: when, by whom, and what is wrong."""
    rows = connection.execute(
        text(
            "SELECT m.name, s.state, s.seen_by, s.error, "
            "CASE WHEN s.state <> 'unknown' THEN s.seen_at END AS seen_at FROM machine m "
            "JOIN bmc_state s ON s.bmc_id = m.bmc_id"
        )
    )
    return {
        row.name: {
            "power": row.state,
            "power_seen": None if row.seen_at is None else as_text(row.seen_at),
            "power_seen_by": row.seen_by,
            "power_error": row.error or None,
        }
        for row in rows
    }


def _lock(connection: Connection, bmc: BmcId) -> Any:
    """Give the row of a BMC as it is, and let nobody else change it; None when it was deleted."""
    connection.execute(
        text(
            "INSERT INTO bmc_state (bmc_id, next_at) SELECT id, clock_timestamp() FROM bmc "
            "WHERE id = :bmc ON CONFLICT DO NOTHING"
        ),
        {"bmc": bmc},
    )
    return connection.execute(
        text(
            "SELECT s.state, s.seen_at, s.failures, b.name, EXISTS (SELECT FROM power_order p "
            "WHERE p.bmc_id = s.bmc_id AND p.result IS NULL) AS ordered "
            "FROM bmc_state s JOIN bmc b ON b.id = s.bmc_id WHERE s.bmc_id = :bmc FOR UPDATE OF s"
        ),
        {"bmc": bmc},
    ).one_or_none()


def _write_seen(
    connection: Connection,
    bmc: BmcId,
    state: PowerState,
    rack: RackId | None,
    poll_seconds: float | None,
) -> None:
    """Write a state; without `poll_seconds` it is asked for again when it would be anyway."""
    connection.execute(
        text(
            "INSERT INTO bmc_state (bmc_id, state, seen_at, seen_by, next_at) SELECT id, :state, "
            "clock_timestamp(), (SELECT hostname FROM rack WHERE id = :rack), "
            "clock_timestamp() + make_interval(secs => coalesce(:poll, 0)) FROM bmc "
            "WHERE id = :bmc ON CONFLICT (bmc_id) DO UPDATE SET state = excluded.state, "
            "seen_at = excluded.seen_at, seen_by = excluded.seen_by, error = '', failures = 0, "
            "next_at = CASE WHEN CAST(:poll AS float) IS NULL THEN bmc_state.next_at "
            "ELSE excluded.next_at END"
        ),
        {"bmc": bmc, "state": state, "rack": rack, "poll": poll_seconds},
    )


def _write_failure(connection: Connection, bmc: BmcId, why: str, poll_seconds: float) -> None:
    """Write why a BMC could not be asked; the state that was seen before stays, with its time."""
    connection.execute(
        text(
            "UPDATE bmc_state SET error = :why, failures = failures + 1, next_at = "
            "clock_timestamp() + make_interval(secs => greatest(:poll, least(:longest, "
            ":poll * power(2, least(failures, :doublings))))) WHERE bmc_id = :bmc"
        ),
        {
            "bmc": bmc,
            "why": why,
            "poll": poll_seconds,
            "longest": LONGEST_BACK_OFF,
            "doublings": MOST_DOUBLINGS,
        },
    )


def _news(before: Any, outcome: PowerOutcome) -> str:
    """Say what is new; empty when nothing is."""
    if outcome.result != "ok":
        told = before.failures + 1 == FAILURES_TOLD
        return f"bmc {before.name} cannot be asked: {outcome.error}" if told else ""
    news = []
    if before.failures >= FAILURES_TOLD:
        news.append(f"bmc {before.name} answers again")
    if before.state not in {outcome.state, "unknown"}:
        news.append(
            f"the machine of bmc {before.name} is {outcome.state}, and was {before.state}: "
            "nothing was ordered"
        )
    return "; ".join(news)
