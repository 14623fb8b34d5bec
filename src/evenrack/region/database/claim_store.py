"""Which run of a rack's daemon may have its identity: one, as long as one of its links lives.

A whole batch of racks costs five statements. Rows are locked in the order of their ids, so that
batches of several processes about the same racks wait for each other and never in a circle.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, text

from evenrack.errors import RackIdentityInUse
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, RunId
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.trust_store import racks_shut_out

_TAKE: Final = text(
    "UPDATE rack r SET hostname = said.hostname, failure_domain = said.failure_domain, "
    "run = said.run, address = said.address, "
    "stopped = (r.stopped AND r.run = said.run), "
    "holds_era = CASE WHEN said.counts THEN said.era ELSE r.holds_era END, "
    "holds_generation = "
    "CASE WHEN said.counts THEN said.generation ELSE r.holds_generation END, "
    "holds_fingerprint = "
    "CASE WHEN said.counts THEN said.fingerprint ELSE r.holds_fingerprint END "
    "FROM (SELECT s.*, k.run <> s.run "
    "OR (k.holds_era, k.holds_generation) < (s.era, s.generation) OR (s.fresh "
    "AND (k.holds_era, k.holds_generation) = (s.era, s.generation)) AS counts "
    "FROM unnest(CAST(:racks AS text[]), "
    "CAST(:hostnames AS text[]), CAST(:domains AS text[]), CAST(:runs AS text[]), "
    "CAST(:addresses AS text[]), CAST(:eras AS bigint[]), CAST(:generations AS bigint[]), "
    "CAST(:fingerprints AS text[]), CAST(:fresh AS boolean[])) AS s "
    "(rack, hostname, failure_domain, run, address, era, generation, fingerprint, fresh) "
    "JOIN rack k ON k.id = s.rack) said WHERE r.id = said.rack "
    "AND ((r.run, r.hostname, r.failure_domain) "
    "<> (said.run, said.hostname, said.failure_domain) "
    "OR regexp_replace(r.address, :port, '') <> regexp_replace(said.address, :port, '') "
    "OR said.counts AND (r.holds_era, r.holds_generation, r.holds_fingerprint) "
    "<> (said.era, said.generation, said.fingerprint))"
)
"""Only where a row would be another."""


@frozen(kw_only=True)
class Greeting:
    """What the run of a rack that is to hold it said in its newest hello."""

    hostname: str
    run: RunId
    address: str
    holds: FleetNumber
    holds_fingerprint: str
    fresh: bool
    """Just said, so that the rack's own word on the fingerprint of its plan is the newest."""
    failure_domain: str = ""


def claim(
    connection: Connection, greetings: Mapping[RackId, Greeting]
) -> dict[RackId, tuple[RunId, str]]:
    """Let each greeting's run hold its rack, unless another run still has a live link.

    Gives the run that holds each rack now, with its address; a rack that was deleted is left out.
    """
    racks = sorted(greetings)
    if not racks:
        return {}
    there = _enter(connection, racks, greetings)
    held = _held_by_others(connection, there, greetings)
    free = [rack for rack in there if rack not in held]
    _take(connection, free, greetings)
    own = {rack: (greetings[rack].run, greetings[rack].address) for rack in free}
    return {**own, **held}


def check_run(connection: Connection, rack: RackId, run: RunId) -> bool:
    """Tell whether the rack is there; RackIdentityInUse where another run holds it."""
    holder = connection.execute(
        text("SELECT address, run FROM rack WHERE id = :rack"), {"rack": rack}
    ).one_or_none()
    if holder is not None and holder.run != run:
        raise RackIdentityInUse(
            f"another daemon, at {holder.address}, is rack {rack} by the tables: what this one "
            "says of the rack does not count before its link is recorded"
        )
    return holder is not None


def _enter(
    connection: Connection, racks: Sequence[RackId], greetings: Mapping[RackId, Greeting]
) -> list[RackId]:
    """Make sure that the racks' rows exist and are ours to the end of the transaction.

    Without those that were deleted and whose links were not cut yet: they must not be entered
    again.
    """
    new = [
        RackId(rack)
        for rack in connection.execute(
            text(
                "INSERT INTO rack (id, hostname, failure_domain, run, address, stopped, "
                "holds_era, holds_generation, holds_fingerprint) "
                "SELECT id, hostname, failure_domain, run, address, false, 0, 0, '' "
                "FROM unnest(CAST(:racks AS text[]), CAST(:hostnames AS text[]), "
                "CAST(:domains AS text[]), CAST(:runs AS text[]), CAST(:addresses AS text[])) "
                "AS said (id, hostname, failure_domain, run, address) ORDER BY id "
                "ON CONFLICT (id) DO NOTHING RETURNING id"
            ),
            _columns(racks, greetings),
        ).scalars()
    ]
    # asked now: the insertion waited for whoever deleted them
    shut_out = racks_shut_out(connection, new) if new else set()
    if shut_out:
        connection.execute(
            text("DELETE FROM rack WHERE id = ANY(:racks)"), {"racks": sorted(shut_out)}
        )
    joined = [_joined(rack, greetings[rack]) for rack in sorted(set(new) - shut_out)]
    if joined:
        record(connection, joined, current_number(connection))
    locked = connection.execute(
        text("SELECT id FROM rack WHERE id = ANY(:racks) ORDER BY id FOR UPDATE"),
        {"racks": list(racks)},
    )
    return [RackId(rack) for rack in locked.scalars()]


def _held_by_others(
    connection: Connection, racks: Sequence[RackId], greetings: Mapping[RackId, Greeting]
) -> dict[RackId, tuple[RunId, str]]:
    # The links of these racks first: in a table that was just filled the planner would compare
    # every link with every rack, for seconds in which all the others wait for these rows.
    rows = connection.execute(
        text(
            "WITH held AS MATERIALIZED (SELECT * FROM connection "
            "WHERE rack_id = ANY(:racks) AND rack_holds) "
            "SELECT DISTINCT ON (held.rack_id, held.run) held.rack_id, held.run, held.address, "
            "held.link FROM held "
            "JOIN process p ON p.id = held.process_id AND p.incarnation = held.incarnation "
            "WHERE p.state = 'running' ORDER BY held.rack_id, held.run, held.link"
        ),
        {"racks": list(racks)},
    )
    others = [row for row in rows if row.run != greetings[RackId(row.rack_id)].run]
    others.sort(key=lambda row: str(row.link), reverse=True)  # of several the first link counts
    return {RackId(row.rack_id): (RunId(row.run), row.address) for row in others}


def _take(
    connection: Connection, racks: Sequence[RackId], greetings: Mapping[RackId, Greeting]
) -> None:
    """Enter these runs as the racks; one that said goodbye stays stopped while its links close.

    What is said of a rack's plan counts when it is another run's, or newer than what the tables
    know: plans of one run only grow, so the older word of two was said before the other, to another
    process. Just said, it counts for its fingerprint too. A row is written only where it would be
    another: each hello of a run comes to every process, each time from another port.
    """
    if not racks:
        return
    connection.execute(
        _TAKE,
        {
            **_columns(racks, greetings),
            "port": ":[0-9]+$",
            "eras": [greetings[rack].holds.era for rack in racks],
            "generations": [greetings[rack].holds.generation for rack in racks],
            "fingerprints": [greetings[rack].holds_fingerprint for rack in racks],
            "fresh": [greetings[rack].fresh for rack in racks],
        },
    )


def _columns(racks: Sequence[RackId], greetings: Mapping[RackId, Greeting]) -> dict[str, list[str]]:
    return {
        "racks": list(racks),
        "hostnames": [greetings[rack].hostname for rack in racks],
        "domains": [greetings[rack].failure_domain for rack in racks],
        "runs": [greetings[rack].run for rack in racks],
        "addresses": [greetings[rack].address for rack in racks],
    }


def _joined(rack: RackId, greeting: Greeting) -> Event:
    return Event(
        kind="join",
        object=f"rack:{rack}",
        text=f"{greeting.hostname} ({rack}) said hello for the first time from {greeting.address}",
    )
