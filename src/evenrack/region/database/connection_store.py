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


@frozen(kw_only=True)
class LinkFact:
    """One socket of a rack to this process."""

    link: LinkId
    run: RunId
    address: str
    """The rack's end, host:port."""


@frozen(kw_only=True)
class Greeting:
    """What a rack said in its newest hello."""

    hostname: str
    run: RunId
    address: str
    holds: FleetNumber
    holds_fingerprint: str
    fresh: bool
    """Just said, so the rack's own word on its plan replaces what the tables know."""


@frozen(kw_only=True)
class RackFacts:
    """Every link of one rack to this process as it is now, and the newest hello if there is one."""

    rack: RackId
    links: tuple[LinkFact, ...]
    greeting: Greeting | None = None


@frozen(kw_only=True)
class Recorded:
    """What came of a batch of facts."""

    others: Mapping[RackId, tuple[RunId, str]] = field(factory=dict)
    """Racks whose identity another run holds by a live link: that run, and its address."""


def record_links(connection: Connection, me: Incarnation, facts: Sequence[RackFacts]) -> Recorded:
    """Make the tables show these links of this process; links of a rack's other runs are left out.

    DeclaredDead when this incarnation was given up: its rows would count for nobody.
    """
    _check_alive(connection, me)
    others = _claim(connection, [f for f in facts if f.greeting is not None])
    racks = [f.rack for f in facts]
    connection.execute(
        delete(tables.connection)
        .where(tables.connection.c.process_id == me.process)
        .where(tables.connection.c.rack_id.in_(racks))
        .where(tables.connection.c.link.not_in([link.link for f in facts for link in f.links]))
    )
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
        if link.link not in known and others.get(f.rack, (link.run,))[0] == link.run
    ]
    if new:
        connection.execute(insert(tables.connection), new)
    notify(connection, me.process)
    return Recorded(others=others)


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
    new = connection.execute(
        text(
            "UPDATE rack SET clone_address = :address, clone_at = clock_timestamp() "
            "WHERE id = :rack RETURNING (SELECT NOT EXISTS (SELECT 1 FROM rack WHERE id = :rack "
            "AND clone_at > clock_timestamp() - interval '60 s'))"
        ),
        {"rack": rack, "address": address},
    ).scalar_one_or_none()
    if new:
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


def _claim(connection: Connection, greeted: Sequence[RackFacts]) -> dict[RackId, tuple[RunId, str]]:
    """Let each greeting's run hold its rack, unless another run still has a live link."""
    others: dict[RackId, tuple[RunId, str]] = {}
    for facts in sorted(greeted, key=lambda f: f.rack):  # one order for all: no deadlock
        greeting = facts.greeting
        if greeting is None:
            continue
        _enter_rack(connection, facts.rack, greeting)
        held_by = connection.execute(
            text(
                "SELECT c.run, c.address FROM connection c "
                "JOIN process p ON p.id = c.process_id AND p.incarnation = c.incarnation "
                "WHERE c.rack_id = :rack AND c.run <> :run AND c.rack_holds "
                "AND p.state = 'running' ORDER BY c.link LIMIT 1"
            ),
            {"rack": facts.rack, "run": greeting.run},
        ).one_or_none()
        if held_by is None:
            _take_rack(connection, facts.rack, greeting)
        else:
            others[facts.rack] = (RunId(held_by.run), held_by.address)
    return others


def _enter_rack(connection: Connection, rack: RackId, greeting: Greeting) -> None:
    """Make sure that the rack's row exists and is ours to the end of the transaction."""
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
        connection.execute(text("SELECT 1 FROM rack WHERE id = :rack FOR UPDATE"), {"rack": rack})
        return
    joined = Event(
        kind="join",
        object=f"rack:{rack}",
        text=f"{greeting.hostname} ({rack}) said hello for the first time from {greeting.address}",
    )
    record(connection, [joined], current_number(connection))


def _take_rack(connection: Connection, rack: RackId, greeting: Greeting) -> None:
    connection.execute(
        text(
            "UPDATE rack SET hostname = :hostname, run = :run, address = :address, "
            "stopped = false WHERE id = :rack"
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
