"""The fleet as one process last read it; a reading costs what has changed since.

Parts of a Fleet that did not change are the same objects as in the reading before.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from attrs import evolve, field, frozen
from sqlalchemy import Connection

from evenrack.model.fleet import Fleet, RegionProcess
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.links import Link, Links
from evenrack.region.database import bmc_facts, bmc_reading, dhcp_store, fleet_store
from evenrack.region.database.assignment_store import read_problems
from evenrack.region.database.balance_store import read_breaker, read_drains, read_hold
from evenrack.region.database.changes import Changed, Mark, changes_since, read_mark
from evenrack.region.database.fleet_store import LinkRow
from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.leader_store import read_leadership

KeyT = TypeVar("KeyT")

Rows = Mapping[Any, Any]


class _Part(NamedTuple):
    """One mapping of the fleet, and the table whose changes change it."""

    subject: str
    as_key: Callable[[str], Any]
    read: Callable[[Connection, Collection[Any] | None], dict[Any, Any]]


PARTS: Mapping[str, _Part] = MappingProxyType(
    {
        "racks": _Part("rack", str, fleet_store.read_racks),
        "managing": _Part("managing", str, fleet_store.read_managing),
        "interfaces": _Part("rack_interface", str, dhcp_store.read_interfaces),
        "dhcp_reports": _Part("rack_dhcp", str, dhcp_store.read_reports),
        "turns": _Part("rack_dhcp", str, dhcp_store.read_turns),
        "pairs": _Part("dhcp_pair", int, dhcp_store.read_pairs),
        "services": _Part("dhcp_service", int, dhcp_store.read_services),
        "bmcs": _Part("bmc", int, bmc_reading.read_bmcs),
        "answered": _Part("bmc_reach", int, bmc_facts.read_reach),
        "bmc_owners": _Part("bmc_owner", int, bmc_facts.read_owners),
    }
)
"""Field of Fleet to what it is read from: only the rows that changed."""

WHOLE: Mapping[str, tuple[frozenset[str], Callable[[Connection], Any]]] = MappingProxyType(
    {
        "regions": (frozenset({"region"}), fleet_store.read_regions),
        "vlans": (frozenset({"vlan", "subnet", "ip_range", "reservation"}), read_vlans),
        "open_problems": (frozenset({"problem"}), read_problems),
    }
)
"""Field of Fleet to what it is read from: as a whole, when anything of it changed."""

LINKS = _Part("connection", str, fleet_store.read_links)

SUBJECTS = frozenset(
    {LINKS.subject, *(part.subject for part in PARTS.values())}.union(
        *(subjects for subjects, _ in WHOLE.values())
    )
)


@frozen(kw_only=True)
class _Known:
    """One reading, and what the next one needs of it."""

    mark: Mark
    parts: Mapping[str, Any]
    """Fields of Fleet that are read from tables whose changes are noted."""
    link_rows: Mapping[RackId, tuple[LinkRow, ...]]
    incarnations: Mapping[ProcessId, int]
    """Those of the running processes: links to others count for nothing."""
    links: Links = field(factory=Links)


class FleetCache:
    """Reads the fleet for everybody in this process, each time as it is then."""

    def __init__(self) -> None:
        self._known: _Known | None = None
        self._reading = threading.Lock()
        self._audit_next = False
        self.was_wrong: tuple[str, ...] = ()
        """Which parts the last audit found to be others than was thought; none is as it should."""

    @property
    def oldest(self) -> int:
        """The oldest transaction that may have been under way at the last reading; 0 before any."""
        return 0 if self._known is None else self._known.mark.oldest

    def audit_next(self) -> None:
        """Read all of it the next time, and compare."""
        self._audit_next = True

    def read(self, connection: Connection) -> Fleet:
        """Give everything that decisions are made from; only inside `Database.read`.

        What a transaction has written itself and may yet take back must not be remembered.
        """
        with self._reading:
            known = self._known
            mark = read_mark(connection)
            changed = None if known is None else _told(changes_since(connection, known.mark, mark))
            processes = fleet_store.read_processes(connection)
            if known is None or changed is None:
                now = _read_all(connection, mark, processes)
            else:
                now = _read_changed(connection, mark, processes, known, changed)
                if self._audit_next:
                    thought, now = now, _read_all(connection, mark, processes)
                    self.was_wrong = _differing(thought, now)
            self._audit_next = False
            self._known = now
            return _fleet_of(connection, now, processes)


def read_fleet(connection: Connection) -> Fleet:
    """Give everything that decisions are made from, all of it read now, in any transaction."""
    return FleetCache().read(connection)


def _told(changed: Changed | None) -> Changed | None:
    """Take what the table of changes says, unless it is of another kind than is known here."""
    if changed is None or not changed.keys() <= SUBJECTS:
        return None
    numbers = {part.subject for part in PARTS.values() if part.as_key is int}
    keys = (key for subject in numbers for key in changed.get(subject, ()))
    return changed if all(key.isdecimal() for key in keys) else None


def _read_all(
    connection: Connection, mark: Mark, processes: Mapping[ProcessId, RegionProcess]
) -> _Known:
    rows = fleet_store.read_links(connection)
    running = _incarnations(processes)
    return _Known(
        mark=mark,
        parts={
            **{name: part.read(connection, None) for name, part in PARTS.items()},
            **{name: read(connection) for name, (_, read) in WHOLE.items()},
        },
        link_rows=rows,
        incarnations=running,
        links=Links().replaced(_live(rows, rows, running)),
    )


def _read_changed(
    connection: Connection,
    mark: Mark,
    processes: Mapping[ProcessId, RegionProcess],
    known: _Known,
    changed: Changed,
) -> _Known:
    parts = dict(known.parts)
    for name, part in PARTS.items():
        if part.subject in changed:
            keys = [part.as_key(key) for key in changed[part.subject]]
            parts[name] = _replaced(parts[name], keys, part.read(connection, keys))
    for name, (subjects, read) in WHOLE.items():
        if subjects & changed.keys():
            parts[name] = read(connection)
    racks = [RackId(key) for key in changed.get(LINKS.subject, ())]
    rows = known.link_rows
    if racks:
        rows = _replaced(rows, racks, fleet_store.read_links(connection, racks))
    running = _incarnations(processes)
    again = racks if running == known.incarnations else [*rows, *racks]
    links = known.links.replaced(_live(rows, again, running)) if again else known.links
    return _Known(mark=mark, parts=parts, link_rows=rows, incarnations=running, links=links)


def _replaced(
    rows: Mapping[KeyT, Any], keys: Iterable[KeyT], read: Mapping[KeyT, Any]
) -> dict[KeyT, Any]:
    """Give these rows with some read anew, in the order of their keys."""
    replaced = dict(rows)
    for key in keys:
        if key not in read:
            replaced.pop(key, None)
    are_new = read.keys() - rows.keys()
    replaced.update(read)
    return dict(sorted(replaced.items())) if are_new else replaced


def _live(
    rows: Mapping[RackId, tuple[LinkRow, ...]],
    racks: Iterable[RackId],
    running: Mapping[ProcessId, int],
) -> dict[RackId, tuple[Link, ...]]:
    """Give the links of these racks to running processes, in the incarnation that runs."""
    return {
        rack: tuple(
            Link(id=row.id, rack=rack, process=row.process)
            for row in rows.get(rack, ())
            if running.get(row.process) == row.incarnation
        )
        for rack in racks
    }


def _incarnations(processes: Mapping[ProcessId, RegionProcess]) -> dict[ProcessId, int]:
    return {each.id: each.incarnation for each in processes.values() if each.state == "running"}


def _fleet_of(
    connection: Connection, known: _Known, processes: Mapping[ProcessId, RegionProcess]
) -> Fleet:
    """Put a fleet together, with what also changes by time alone."""
    fields = dict(known.parts)
    racks = fields["racks"]
    clones = {
        rack: evolve(racks[rack], clone_address=address)
        for rack, address in fleet_store.read_clones(connection).items()
        if rack in racks
    }
    if clones:
        fields["racks"] = {**racks, **clones}
    return Fleet(
        leadership=read_leadership(connection),
        processes=processes,
        links=known.links,
        hold=read_hold(connection),
        drains=read_drains(connection),
        breaker=read_breaker(connection),
        **fields,
    )


def _differing(thought: _Known, read: _Known) -> tuple[str, ...]:
    wrong = [name for name in sorted(read.parts) if thought.parts[name] != read.parts[name]]
    return (*wrong, *([] if thought.links == read.links else ["links"]))
