"""Rows of live links: what a process says of its sockets, what a rack says of its own."""

from collections.abc import Mapping, Sequence

from attrs import field, frozen
from sqlalchemy import Connection, delete, or_, text

from evenrack.errors import DeclaredDead
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import LinkId, RackId, RunId
from evenrack.region.database import tables
from evenrack.region.database.claim_store import Greeting, claim
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.notify import notify
from evenrack.region.database.process_store import Incarnation


@frozen(kw_only=True)
class LinkFact:
    """One socket of a rack to this process."""

    link: LinkId
    run: RunId
    address: str
    """The rack's end, host:port."""


@frozen(kw_only=True)
class RackFacts:
    """Every link of one rack to this process as it is now, and a hello unless there is no link."""

    rack: RackId
    links: tuple[LinkFact, ...]
    greeting: Greeting | None = None


@frozen(kw_only=True)
class HeldPlan:
    """Which plan a rack said it follows."""

    rack: RackId
    number: FleetNumber
    fingerprint: str


@frozen(kw_only=True)
class Recorded:
    """What came of a batch of facts."""

    holders: Mapping[RackId, tuple[RunId, str]] = field(factory=dict)
    """The one run that each greeted rack's links may belong to now, and its address.

    A rack that was deleted is not among them: nothing is written of it.
    """


def record_links(connection: Connection, me: Incarnation, facts: Sequence[RackFacts]) -> Recorded:
    """Make the tables show these links of this process, but of each rack only one run's.

    DeclaredDead when this incarnation was given up: its rows would count for nobody.
    """
    _check_alive(connection, me)
    racks, links = [f.rack for f in facts], [link.link for f in facts for link in f.links]
    rows = tables.connection.c
    # those of an earlier incarnation may have been committed after this one had registered
    outdated = or_(rows.link.not_in(links), rows.incarnation < me.incarnation)
    ended = connection.execute(
        delete(tables.connection)
        .where(rows.process_id == me.process)
        .where(rows.rack_id.in_(racks))
        .where(outdated)
    )
    holders = claim(connection, {f.rack: f.greeting for f in facts if f.greeting is not None})
    known = set(
        connection.execute(
            text("SELECT link FROM connection WHERE process_id = :me AND rack_id = ANY(:racks)"),
            {"me": me.process, "racks": racks},
        ).scalars()
    )
    new = [
        (link, f.rack)
        for f in facts
        for link in f.links
        if link.link not in known and f.rack in holders and holders[f.rack][0] == link.run
    ]
    if new:
        _insert_links(connection, me, new)
        notify(connection, "links")
    if ended.rowcount:
        notify(connection, "lost links")
    return Recorded(holders=holders)


def _insert_links(
    connection: Connection, me: Incarnation, new: Sequence[tuple[LinkFact, RackId]]
) -> None:
    connection.execute(
        text(
            "INSERT INTO connection (link, process_id, incarnation, rack_id, run, address) "
            "SELECT link, :process, :incarnation, rack, run, address "
            "FROM unnest(CAST(:links AS text[]), CAST(:racks AS text[]), CAST(:runs AS text[]), "
            "CAST(:addresses AS text[])) AS new (link, rack, run, address)"
        ),
        {
            "process": me.process,
            "incarnation": me.incarnation,
            "links": [link.link for link, _ in new],
            "racks": [rack for _, rack in new],
            "runs": [link.run for link, _ in new],
            "addresses": [link.address for link, _ in new],
        },
    )


def record_lost_links(connection: Connection, said: Sequence[tuple[RackId, LinkId]]) -> None:
    """Believe racks that links of theirs are gone, in one statement and with one notification.

    Their rows count no more, until the other ends notice. A rack is believed about its own links.
    """
    lost = connection.execute(
        text(
            "UPDATE connection c SET rack_holds = false FROM ("
            "SELECT known.link FROM connection known "
            "JOIN unnest(CAST(:links AS text[]), CAST(:racks AS text[])) AS said (link, rack) "
            "ON known.link = said.link AND known.rack_id = said.rack "
            "WHERE known.rack_holds ORDER BY known.link FOR UPDATE OF known) gone "
            "WHERE c.link = gone.link"
        ),
        {"links": [link for _, link in said], "racks": [rack for rack, _ in said]},
    )
    if lost.rowcount:
        notify(connection, "lost links")


def record_goodbye(connection: Connection, rack: RackId, run: RunId) -> None:
    """Note that this run of the rack's daemon is being stopped in order."""
    connection.execute(
        text("UPDATE rack SET stopped = true WHERE id = :rack AND run = :run"),
        {"rack": rack, "run": run},
    )


def record_clone(connection: Connection, rack: RackId, address: str, why: str) -> None:
    """Note that a second daemon with this rack's identity was refused; one event a minute."""
    told_of = connection.execute(  # locked: several processes refuse the same daemon at once
        text(
            "SELECT coalesce(clone_at > clock_timestamp() - interval '60 s', false) "
            "FROM rack WHERE id = :rack FOR UPDATE"
        ),
        {"rack": rack},
    ).scalar_one_or_none()
    if told_of is None:
        return
    connection.execute(
        text(
            "UPDATE rack SET clone_address = :address, clone_at = clock_timestamp() "
            "WHERE id = :rack"
        ),
        {"rack": rack, "address": address},
    )
    if not told_of:
        refused = Event(kind="refused", object=f"rack:{rack}", text=why)
        record(connection, [refused], current_number(connection))


def record_held_plans(connection: Connection, held: Sequence[HeldPlan]) -> None:
    """Note which plans racks said they follow now; of one that said several, the last.

    Not where a newer one is noted: two processes may write what each heard in any order.
    """
    last = {plan.rack: plan for plan in held}
    racks = sorted(last)
    connection.execute(
        text(
            "UPDATE rack SET holds_era = said.era, holds_generation = said.generation, "
            "holds_fingerprint = said.fingerprint FROM (SELECT s.* "
            "FROM unnest(CAST(:racks AS text[]), CAST(:eras AS bigint[]), "
            "CAST(:generations AS bigint[]), CAST(:fingerprints AS text[])) "
            "AS s (rack, era, generation, fingerprint) "
            "JOIN rack ON rack.id = s.rack ORDER BY s.rack FOR UPDATE OF rack) said "
            "WHERE rack.id = said.rack "
            "AND (rack.holds_era, rack.holds_generation) <= (said.era, said.generation)"
        ),
        {
            "racks": racks,
            "eras": [last[rack].number.era for rack in racks],
            "generations": [last[rack].number.generation for rack in racks],
            "fingerprints": [last[rack].fingerprint for rack in racks],
        },
    )


def _check_alive(connection: Connection, me: Incarnation) -> None:
    alive = connection.execute(
        text(
            "SELECT 1 FROM process WHERE id = :me AND incarnation = :incarnation "
            "AND state = 'running'"
        ),
        {"me": me.process, "incarnation": me.incarnation},
    ).one_or_none()
    if alive is None:
        raise DeclaredDead(f"{me.process} incarnation {me.incarnation} was given up by the others")
