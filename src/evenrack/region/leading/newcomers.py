"""Racks that have only just connected: they wait a moment for most of their links to be there.

Each arrival is a reason to check the balance, and is told even when nothing moves.
"""

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, RunId

MOST_GRACES = 4
"""Who gets one link after the other waits so many times the grace, and no longer."""


@frozen(kw_only=True)
class _Newcomer:
    """A rack without a manager, by the leader's clock."""

    since: float
    links: int
    linked_at: float
    """When the newest of its links was seen."""

    def until(self, grace: float) -> float:
        return min(self.linked_at + grace, self.since + MOST_GRACES * grace)


class Newcomers:
    """Remembers when each unmanaged rack was first seen with a link, and when with its newest.

    A busy machine makes its links one after the other. Who is placed before the link is there that
    he should have been placed by is moved afterwards, or another is: so each new link is a reason
    to wait once more.
    """

    def __init__(self, clock: IReactorTime, grace_seconds: float) -> None:
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._waiting: dict[RackId, _Newcomer] = {}
        self._connected_before: frozenset[RackId] | None = None
        self._told: dict[RackId, RunId] | None = None
        self.seconds_to_wait: float | None = None
        """When to look again because somebody waits."""

    def waiting(self, fleet: Fleet) -> set[RackId]:
        """Give the racks that are not to be placed yet.

        A rack that was connected at the last look has waited enough: its manager died. At a
        leader's first look nobody waits, for it cannot know who is new.
        """
        now = self._clock.seconds()
        connected = frozenset(rack for rack, reach in fleet.reach.items() if reach)
        if self._connected_before is not None:
            for rack in connected - self._connected_before:
                self._waiting[rack] = _Newcomer(since=now, links=0, linked_at=now)
        self._connected_before = connected
        seen = {rack: self._seen(rack, fleet, now) for rack in self._waiting if rack in connected}
        self._waiting = {
            rack: newcomer
            for rack, newcomer in seen.items()
            if now < newcomer.until(self._grace_seconds)
            and fleet.manager_of(rack) is None
            and newcomer.links < len(fleet.live)
        }
        self.seconds_to_wait = min(
            (newcomer.until(self._grace_seconds) - now for newcomer in self._waiting.values()),
            default=None,
        )
        return set(self._waiting)

    def _seen(self, rack: RackId, fleet: Fleet, now: float) -> _Newcomer:
        before, links = self._waiting[rack], len(fleet.reach[rack])
        linked_at = now if links > before.links else before.linked_at
        return evolve(before, links=links, linked_at=linked_at)

    def arrived(self, fleet: Fleet) -> list[RackId]:
        """Give the racks that connected since the last look, or restarted, and wait no more.

        A leader's first look tells of nobody: it cannot know who is new.
        """
        present = {
            rack: fleet.racks[rack].run
            for rack, reach in fleet.reach.items()
            if reach and rack not in self._waiting
        }
        before, self._told = self._told, present
        if before is None:
            return []
        return [rack for rack, run in present.items() if before.get(rack) != run]
