"""Racks that have only just connected: they wait a moment for most of their links to be there.

Each arrival is a reason to check the balance, and is told even when nothing moves.
"""

from twisted.internet.interfaces import IReactorTime

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, RunId


class Newcomers:
    """Remembers by the leader's clock when each unmanaged rack was first seen with a link."""

    def __init__(self, clock: IReactorTime, grace_seconds: float) -> None:
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._seen_at: dict[RackId, float] = {}
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
                self._seen_at[rack] = now
        self._connected_before = connected
        self._seen_at = {
            rack: since
            for rack, since in self._seen_at.items()
            if rack in connected
            and now - since < self._grace_seconds
            and fleet.manager_of(rack) is None
            and len(fleet.reach[rack]) < len(fleet.live)
        }
        self.seconds_to_wait = min(
            (self._grace_seconds - (now - since) for since in self._seen_at.values()), default=None
        )
        return set(self._seen_at)

    def arrived(self, fleet: Fleet) -> list[RackId]:
        """Give the racks that connected since the last look, or restarted, and wait no more.

        A leader's first look tells of nobody: it cannot know who is new.
        """
        present = {
            rack: fleet.racks[rack].run
            for rack, reach in fleet.reach.items()
            if reach and rack not in self._seen_at
        }
        before, self._told = self._told, present
        if before is None:
            return []
        return [rack for rack, run in present.items() if before.get(rack) != run]
