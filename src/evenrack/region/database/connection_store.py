"""Rows of live links: what a process says of its sockets, what a rack says of its own."""

from collections.abc import Mapping, Sequence

from attrs import field, frozen
from sqlalchemy import Connection, delete, insert, text

from evenrack.errors import DeclaredDead
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import LinkId, RackId, RunId
from evenrack.region.database import tables
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.notify import notify
from evenrack.region.database.process_store import Incarnation
from evenrack.region.database.trust_store import is_rack_shut_out


@frozen(kw_only=True)
class LinkFact:
    """One socket of a rack to this process."""

    link: LinkId
    run: RunId
    address: str
    """The rack's end, host:port."""


@frozen(kw_only=True)
class Greeting:
    """What the run of a rack that is to hold it said in its newest hello."""

    hostname: str
    run: RunId
    address: str
    holds: FleetNumber
    holds_fingerprint: str
    fresh: bool
    """Just said, so the rack's own word on its plan replaces what the tables know."""


@frozen(kw_only=True)
class RackFacts:
    """Every link of one rack to this process as it is now, and a hello unless there is no link."""

    rack: RackId
    links: tuple[LinkFact, ...]
    greeting: Greeting | None = None


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
    racks = [f.rack for f in facts]
    ended = connection.execute(
        delete(tables.connection)
        .where(tables.connection.c.process_id == me.process)
        .where(tables.connection.c.rack_id.in_(racks))
        .where(tables.connection.c.link.not_in([link.link for f in facts for link in f.links]))
    )
    holders = _claim(connection, facts)
    known = set(
        connection.execute(
            text("SELECT link FROM connection WHERE process_id = :me AND rack_id = ANY(:racks)"),
            {"me": me.process, "racks": racks},
        ).scalars()
    )
    new = [
        {
            "link": link.link,
            "process_id": me.process,
            "incarnation": me.incarnation,
            "rack_id": f.rack,
            "run": link.run,
            "address": link.address,
        }
        for f in facts
        for link in f.links
        if link.link not in known and f.rack in holders and holders[f.rack][0] == link.run
    ]
    if new:
        connection.execute(insert(tables.connection), new)
    if new or ended.rowcount:
        notify(connection, me.process)
    return Recorded(holders=holders)


def record_lost_link(connection: Connection, rack: RackId, link: LinkId) -> None:
    """Believe a rack that its link is gone; its row counts no more until the other end notices."""
    lost = connection.execute(
        text(
            "UPDATE connection SET rack_holds = false "
            "WHERE link = :link AND rack_id = :rack AND rack_holds RETURNING process_id"
        ),
        {"link": link, "rack": rack},
    ).one_or_none()
    if lost is not None:
        notify(connection, rack)


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


def record_held_plan(
    connection: Connection, rack: RackId, holds: FleetNumber, fingerprint: str
) -> None:
    """Note which plan a rack said it follows now."""
    connection.execute(
        text(
            "UPDATE rack SET holds_era = :era, holds_generation = :generation, "
            "holds_fingerprint = :fingerprint WHERE id = :rack"
        ),
        {
            "rack": rack,
            "era": holds.era,
            "generation": holds.generation,
            "fingerprint": fingerprint,
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


def _claim(connection: Connection, facts: Sequence[RackFacts]) -> dict[RackId, tuple[RunId, str]]:
    """Let each greeting's run hold its rack, unless another run still has a live link."""
    holders: dict[RackId, tuple[RunId, str]] = {}
    for rack_facts in sorted(facts, key=lambda f: f.rack):  # one order for all: no deadlock
        rack, greeting = rack_facts.rack, rack_facts.greeting
        if greeting is None or not _enter_rack(connection, rack, greeting):
            continue
        held_by = connection.execute(
            text(
                "SELECT c.run, c.address FROM connection c "
                "JOIN process p ON p.id = c.process_id AND p.incarnation = c.incarnation "
                "WHERE c.rack_id = :rack AND c.run <> :run AND c.rack_holds "
                "AND p.state = 'running' ORDER BY c.link LIMIT 1"
            ),
            {"rack": rack, "run": greeting.run},
        ).one_or_none()
        if held_by is None:
            _take_rack(connection, rack, greeting)
            holders[rack] = (greeting.run, greeting.address)
        else:
            holders[rack] = (RunId(held_by.run), held_by.address)
    return holders


def _enter_rack(connection: Connection, rack: RackId, greeting: Greeting) -> bool:
    """Make sure that the rack's row exists and is ours to the end of the transaction.

    False for one that was deleted, whose link was not cut yet: it must not be entered again.
    """
    new = connection.execute(
        text(
            "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
            "holds_fingerprint) VALUES (:rack, :hostname, :run, :address, false, 0, 0, '') "
            "ON CONFLICT (id) DO NOTHING RETURNING 1"
        ),
        {
            "rack": rack,
            "hostname": greeting.hostname,
            "run": greeting.run,
            "address": greeting.address,
        },
    ).one_or_none()
    if new is None:
        locked = text("SELECT 1 FROM rack WHERE id = :rack FOR UPDATE")
        return connection.execute(locked, {"rack": rack}).one_or_none() is not None
    if is_rack_shut_out(connection, rack):  # asked now: the insertion waited for who deleted it
        connection.execute(text("DELETE FROM rack WHERE id = :rack"), {"rack": rack})
        return False
    joined = Event(
        kind="join",
        object=f"rack:{rack}",
        text=f"{greeting.hostname} ({rack}) said hello for the first time from {greeting.address}",
    )
    record(connection, [joined], current_number(connection))
    return True


def _take_rack(connection: Connection, rack: RackId, greeting: Greeting) -> None:
    """Enter this run as the rack; one that said goodbye stays stopped while its links close."""
    connection.execute(
        text(
            "UPDATE rack SET hostname = :hostname, run = :run, address = :address, "
            "stopped = (stopped AND run = :run) WHERE id = :rack"
        ),
        {
            "rack": rack,
            "hostname": greeting.hostname,
            "run": greeting.run,
            "address": greeting.address,
        },
    )
    connection.execute(
        text(
            "UPDATE rack SET holds_era = :era, holds_generation = :generation, "
            "holds_fingerprint = :fingerprint WHERE id = :rack "
            "AND (:fresh OR (holds_era, holds_generation) < (:era, :generation))"
        ),
        {
            "rack": rack,
            "era": greeting.holds.era,
            "generation": greeting.holds.generation,
            "fingerprint": greeting.holds_fingerprint,
            "fresh": greeting.fresh,
        },
    )
