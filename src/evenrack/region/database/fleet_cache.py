"""The fleet as one process last read it; a reading costs what has changed since.

Each part has its own moment of reading: who needs some of them does not pay for the others. Parts
that did not change are the same objects as in the reading before.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from attrs import evolve
from sqlalchemy import Connection

from evenrack.model.fleet import Fleet, PlanFacts
from evenrack.model.fleet_index import FleetIndex
from evenrack.model.identifiers import RackId
from evenrack.model.live_links import LiveLinks
from evenrack.region.database import (
    bmc_facts,
    bmc_reading,
    dhcp_store,
    fleet_store,
    partner_down_store,
    pin_store,
    placement_store,
    probe_store,
)
from evenrack.region.database.assignment_store import read_problems
from evenrack.region.database.balance_store import read_breaker, read_drains, read_hold
from evenrack.region.database.changes import Changed, Mark, changes_since, read_mark
from evenrack.region.database.fleet_keys import Span, Wanted
from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.leader_store import read_leadership
from evenrack.region.database.relay_store import read_relayed
from evenrack.region.database.server_clock import read_clock
from evenrack.region.database.snippet_reading import read_global
from evenrack.region.database.vlans_since import read_vlans_since

KeyT = TypeVar("KeyT")

Rows = Mapping[Any, Any]


class _Part(NamedTuple):
    """A mapping of rows by their keys, and the table whose changes change it."""

    subject: str
    as_key: Callable[[str], Any]
    read: Callable[[Connection, Wanted[Any]], dict[Any, Any]]


PARTS: Mapping[str, _Part] = MappingProxyType(
    {
        "racks": _Part("rack", str, fleet_store.read_racks),
        "links": _Part("connection", str, fleet_store.read_links),
        "managing": _Part("managing", str, fleet_store.read_managing),
        "interfaces": _Part("rack_interface", str, dhcp_store.read_interfaces),
        "placed": _Part("rack_interface", str, placement_store.read_placements),
        "dhcp_reports": _Part("rack_dhcp", str, dhcp_store.read_reports),
        "turns": _Part("rack_dhcp", str, dhcp_store.read_turns),
        "granted": _Part("rack_dhcp", str, dhcp_store.read_granted),
        "pairs": _Part("dhcp_pair", int, dhcp_store.read_pairs),
        "pins": _Part("dhcp_pin", int, pin_store.read_pins),
        "partner_downs": _Part("dhcp_partner_down", int, partner_down_store.read_partner_downs),
        "probes": _Part("dhcp_probe", int, probe_store.read_wanted),
        "services": _Part("dhcp_service", int, dhcp_store.read_services),
        "relayed": _Part("dhcp_relayed", int, read_relayed),
        "bmcs": _Part("bmc", int, bmc_reading.read_bmcs),
        "answered": _Part("bmc_reach", int, bmc_facts.read_reach),
        "bmc_owners": _Part("bmc_owner", int, bmc_facts.read_owners),
    }
)
"""Field of Fleet to what it is read from: only the rows that changed. Links: all on record."""

WHOLE: Mapping[str, tuple[frozenset[str], Callable[[Connection], Any]]] = MappingProxyType(
    {
        "regions": (frozenset({"region"}), fleet_store.read_regions),
        "vlans": (
            frozenset({"vlan", "subnet", "ip_range", "reservation", "snippet"}),
            read_vlans,
        ),
        "global_snippets": (frozenset({"snippet"}), read_global),
        "open_problems": (frozenset({"problem"}), read_problems),
    }
)
"""Field of Fleet to what it is read from: as a whole, when anything of it changed."""

SINCE: Mapping[str, Callable[[Connection, Any, Mark], Any]] = MappingProxyType(
    {"vlans": read_vlans_since}
)
"""Those of them that may be large, to what brings them up from what they were at a mark."""

EVERYTHING = (*PARTS, *WHOLE)
OF_PLANS = (
    *("racks", "managing", "interfaces", "vlans", "global_snippets", "services", "relayed"),
    "bmcs",
)

AUDITED_AT_ONCE = 1_000
"""So many rows of each part an audit compares: it must not hold up the decisions of a large fleet.
Those of a fleet of 200,000 BMCs have all been compared after three hours."""


class _Kept(NamedTuple):
    """One part as it was read."""

    mark: Mark
    content: Any


class FleetCache:
    """Reads the fleet for everybody in this process, each time as it is then.

    Only inside `Database.read`: what a transaction has written itself and may yet take back must
    not be remembered.
    """

    def __init__(
        self,
        *,
        audited_at_once: int = AUDITED_AT_ONCE,
        older: Callable[[], Mapping[RackId, int]] = dict,
    ) -> None:
        self._older = older
        self._kept: dict[str, _Kept] = {}
        self._live_links = LiveLinks()
        self._index = FleetIndex()
        self._reading = threading.Lock()
        self._audited_at_once = audited_at_once
        self._audited: dict[str, Any] = {}
        self._audit_next = False
        self.was_wrong: tuple[str, ...] = ()
        """Which parts the last audit found to be others than was thought; none is as it should."""

    @property
    def oldest(self) -> int:
        """The oldest transaction that any part may not have seen; 0 before all were read."""
        if len(self._kept) < len(EVERYTHING):
            return 0
        return min(kept.mark.oldest for kept in self._kept.values())

    def audit_next(self) -> None:
        """Compare some more rows of each part with the tables at the next reading."""
        self._audit_next = True

    def read(self, connection: Connection) -> Fleet:
        """Give everything that decisions are made from."""
        return self._read(connection, answers=True)

    def read_without_answers(self, connection: Connection) -> Fleet:
        """Give it without what racks found out about hosts: that is read anew each time."""
        return self._read(connection, answers=False)

    def _read(self, connection: Connection, *, answers: bool) -> Fleet:
        with self._reading:
            parts = self._brought_up(connection, EVERYTHING)
            if self._audit_next:
                self.was_wrong = tuple(n for n in EVERYTHING if not self._is_right(connection, n))
                self._audit_next = False
                parts = {name: self._kept[name].content for name in EVERYTHING}
            if parts["probes"] and answers:
                parts["probes"] = probe_store.read_probes(connection)
            fleet = self._fleet_of(connection, parts)
            self._index.complete(fleet)
            return fleet

    def read_plan_facts(self, connection: Connection) -> PlanFacts:
        """Give what plans are made from."""
        with self._reading:
            parts = self._brought_up(connection, OF_PLANS)
            facts = PlanFacts(older=self._older(), **parts)
            self._index.complete_facts(facts)
            return facts

    def _brought_up(self, connection: Connection, names: Collection[str]) -> dict[str, Any]:
        """Give these parts as they are now."""
        now = read_mark(connection)
        for before, of_one_moment in self._by_moment(names).items():
            subjects = frozenset().union(*map(_subjects, of_one_moment))
            changed = None
            if before is not None:
                changed = _told(changes_since(connection, before, now, subjects))
            for name in of_one_moment:
                content = _read_part(connection, name, self._kept.get(name), changed)
                self._kept[name] = _Kept(now, content)
        return {name: self._kept[name].content for name in names}

    def _is_right(self, connection: Connection, name: str) -> bool:
        """Compare the next rows of a part with the tables, and put right what is wrong."""
        kept = self._kept[name]
        if name in WHOLE:
            content = WHOLE[name][1](connection)
            right = bool(content == kept.content)
        else:
            keys = list(kept.content)
            begin = bisect_right(keys, self._audited[name]) if name in self._audited else 0
            some = keys[begin : begin + self._audited_at_once]
            goes_on = begin + len(some) < len(keys)
            span = Span(self._audited.pop(name, None), some[-1] if goes_on else None)
            content = _replaced(kept.content, some, PARTS[name].read(connection, span))
            right = content is kept.content
            if goes_on:
                self._audited[name] = some[-1]
        if not right:
            self._kept[name] = kept._replace(content=content)
        return right

    def _by_moment(self, names: Iterable[str]) -> dict[Mark | None, list[str]]:
        """Group parts by when they were last read; None: never."""
        found: dict[Mark | None, list[str]] = {}
        for name in names:
            kept = self._kept.get(name)
            found.setdefault(None if kept is None else kept.mark, []).append(name)
        return found

    def _fleet_of(self, connection: Connection, parts: dict[str, Any]) -> Fleet:
        """Put a fleet together, with what also changes by time alone."""
        processes = fleet_store.read_processes(connection)
        running = {p.id: p.incarnation for p in processes.values() if p.state == "running"}
        racks = parts["racks"]
        clones = {
            rack: evolve(racks[rack], clone_address=address)
            for rack, address in fleet_store.read_clones(connection).items()
            if rack in racks
        }
        if clones:
            parts["racks"] = {**racks, **clones}
        parts["links"] = self._live_links.among(parts["links"], running)
        return Fleet(
            read_at=read_clock(connection),
            older=self._older(),
            leadership=read_leadership(connection),
            processes=processes,
            hold=read_hold(connection),
            drains=read_drains(connection),
            breaker=read_breaker(connection),
            taken_over=partner_down_store.read_taken_over(connection)
            if parts["partner_downs"]
            else frozenset(),
            **parts,
        )


def read_fleet(connection: Connection) -> Fleet:
    """Give everything that decisions are made from, all of it read now, in any transaction."""
    return FleetCache().read(connection)


def _subjects(name: str) -> frozenset[str]:
    """Name the tables whose changes change a part."""
    return frozenset({PARTS[name].subject}) if name in PARTS else WHOLE[name][0]


def _told(changed: Changed | None) -> Changed | None:
    """Take what the table of changes says, unless its keys are none."""
    if changed is None:
        return None
    numbers = {part.subject for part in PARTS.values() if part.as_key is int}
    keys = (key for subject in numbers for key in changed.get(subject, ()))
    return changed if all(key.isdecimal() for key in keys) else None


def _read_part(
    connection: Connection, name: str, kept: _Kept | None, changed: Changed | None
) -> Any:
    """Read what changed of a part, or all of it where that is not known."""
    if name in WHOLE:
        subjects, read = WHOLE[name]
        if kept is None or changed is None:
            return read(connection)
        if not subjects & changed.keys():
            return kept.content
        if name in SINCE:
            return SINCE[name](connection, kept.content, kept.mark)
        return read(connection)
    part = PARTS[name]
    if kept is None or changed is None:
        return dict(sorted(part.read(connection, None).items()))
    keys = [part.as_key(key) for key in changed.get(part.subject, ())]
    return _replaced(kept.content, keys, part.read(connection, keys)) if keys else kept.content


def _replaced(
    rows: Mapping[KeyT, Any], keys: Iterable[KeyT], read: Mapping[KeyT, Any]
) -> Mapping[KeyT, Any]:
    """Give these rows with some read anew, in the order of their keys; what is equal stays."""
    gone = [key for key in keys if key in rows and key not in read]
    others = {key: row for key, row in read.items() if rows.get(key) != row}
    if not gone and not others:
        return rows
    replaced = {**rows, **others}
    for key in gone:
        del replaced[key]
    return dict(sorted(replaced.items())) if others.keys() - rows.keys() else replaced
