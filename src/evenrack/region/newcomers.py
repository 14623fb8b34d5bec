"""Racks that have only just connected wait a moment, so that most of their links are there."""

from twisted.internet.interfaces import IReactorTime

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId


class Newcomers:
    """Remembers by the leader's clock when each unmanaged rack was first seen with a link."""

    def __init__(self, clock: IReactorTime, grace_seconds: float) -> None:
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._seen_at: dict[RackId, float] = {}
        self._connected_before: frozenset[RackId] | None = None
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
