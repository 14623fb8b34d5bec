"""What must hold when chaos has settled, and what must have held on the way there.

Judgements are pure: they compare one reading of the fleet with an earlier one, or judge its moves.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from evenrack.lab.fleet import DHCP_HOLD_DOWN_SECONDS
from evenrack.model.fleet_number import FleetNumber
from evenrack.runtime.child_process import ProgramId

ROLE_MOVES = frozenset({"dhcp primary", "dhcp secondary"})
_NOT_YET_READ = timedelta(seconds=2)
"""So late the leader may read that a rack is back: it looks at least each second."""


@frozen(kw_only=True)
class Numbers:
    """All that may only grow."""

    epoch: int
    """Of the leader."""
    number: FleetNumber
    plans: Mapping[str, FleetNumber] = field(factory=dict)
    """The newest plan that each rack said it follows, by host name."""
    incarnations: Mapping[str, int] = field(factory=dict)
    """Of each region process."""


@frozen(kw_only=True)
class Reading:
    """The fleet at one moment, from its tables and from the kernel."""

    numbers: Numbers
    orphans: Sequence[str]
    """Rows that hang on something that is not there."""
    runs: Mapping[str, ProgramId | None]
    """Which process each program of the lab is."""
    rack_runs: Mapping[str, str]
    """What each rack says which run of its daemon it is."""


@frozen(kw_only=True)
class Touched:
    """What the deeds of one step did to programs, by name."""

    ended: frozenset[str] = frozenset()
    """Killed or stopped, and started again."""
    held_up: frozenset[str] = frozenset()
    """Paused, or cut off: the same run, which the others may have given up meanwhile."""


@frozen(kw_only=True)
class Absence:
    """From when until when a rack was really away: from the deed to its next connection."""

    began: datetime
    ended: datetime

    def explains_loss_of_roles(self, at: datetime) -> bool:
        """Whether at this moment the rack had been away for the hold-down."""
        held_down = self.began + timedelta(seconds=DHCP_HOLD_DOWN_SECONDS)
        return held_down <= at <= self.ended + _NOT_YET_READ


def what_shrank(before: Numbers, now: Numbers) -> list[str]:
    """Say which numbers went back; a rack follows no plan that is newer than the fleet."""
    pairs: list[tuple[str, Any, Any]] = [
        ("the leader's epoch", before.epoch, now.epoch),
        ("the fleet's number", before.number, now.number),
        *_of_each("the plan of", before.plans, now.plans),
        *_of_each("the incarnation of", before.incarnations, now.incarnations),
    ]
    went_back = [f"{what} went from {old} to {new}" for what, old, new in pairs if new < old]
    ahead = [
        f"{rack} follows plan {plan}, and the fleet is at {now.number}"
        for rack, plan in now.plans.items()
        if plan > now.number
    ]
    return went_back + ahead


def what_restarted(before: Reading, now: Reading, touched: Touched) -> list[str]:
    """Say which program is another run than before, though no deed ended it.

    A region process that begins a new incarnation has begun anew too, whatever its process number.
    """
    ended, left_alone = touched.ended, touched.ended | touched.held_up
    other = [
        f"{name} was process {_pid(run)} and is {_pid(now.runs.get(name))}"
        for name, run in before.runs.items()
        if name not in ended and now.runs.get(name) != run
    ]
    given_up = [
        f"{name} was incarnation {number} and is {now.numbers.incarnations.get(name)}"
        for name, number in before.numbers.incarnations.items()
        if name not in left_alone and now.numbers.incarnations.get(name) != number
    ]
    rack_runs = [
        f"{rack} says that its daemon was restarted"
        for rack, run in before.rack_runs.items()
        if f"{rack}/rackd" not in ended and now.rack_runs.get(rack) != run
    ]
    return other + given_up + rack_runs


def moves_without_cause(
    moves: Iterable[Mapping[str, Any]],
    absences: Mapping[str, Absence],
    hosts: Collection[str],
) -> list[str]:
    """Say which moves should not have been: {"at", "data": {"what", "name", "reason"}} each.

    A role moves only for a rack that was away for longer than the hold-down. Nothing moves when
    all that was broken in the lab was the database (`hosts`).
    """
    return [
        f"{move['data']['what']} {move['data']['name']}: {move['data']['from']} -> "
        f"{move['data']['to']} ({move['data']['reason']})"
        for move in moves
        if not _has_cause(move, absences, hosts)
    ]


def illegal_pairs(
    rows: Iterable[Mapping[str, Any]], attached: Mapping[str, Sequence[str]]
) -> list[str]:
    """Say which VLAN has not two different racks of its own for its two roles."""
    found = []
    for row in rows:
        racks = [rack for rack in (row["primary_rack"], row["secondary_rack"]) if rack is not None]
        possible = attached[row["vlan"]]
        if len(set(racks)) < min(2, len(possible)) or not set(racks) <= set(possible):
            found.append(f"{row['vlan']}, on which {', '.join(possible)} hang, has {racks}")
    return found


def _has_cause(
    move: Mapping[str, Any], absences: Mapping[str, Absence], hosts: Collection[str]
) -> bool:
    if move["data"]["what"] not in ROLE_MOVES:
        return any(host.startswith(("region", "rack")) for host in hosts)
    lost = absences.get(move["data"]["reason"].partition(" ")[0])
    return lost is not None and lost.explains_loss_of_roles(datetime.fromisoformat(move["at"]))


def _of_each(
    what: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    return [(f"{what} {name}", old, now[name]) for name, old in before.items() if name in now]


def _pid(run: ProgramId | None) -> str:
    return "nobody" if run is None else str(run.pid)
