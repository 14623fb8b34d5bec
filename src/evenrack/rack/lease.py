"""The right to act: granted by the managing process for a few seconds at a time."""

from twisted.internet.interfaces import IReactorTime

from evenrack.model.identifiers import ProcessId

LEASE_SECONDS = 5.0
"""From when the rack sent the ping; the region counts from when it answered, which is later."""


class Lease:
    """Who granted the newest lease, and until when."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._grantor: ProcessId | None = None
        self._ends = float("-inf")

    def granted(self, by: ProcessId, *, asked_at: float) -> None:
        """Note a lease that answers a ping sent at `asked_at`."""
        if asked_at + LEASE_SECONDS > self._ends:
            self._grantor = by
            self._ends = asked_at + LEASE_SECONDS

    @property
    def manager(self) -> ProcessId | None:
        """The process that manages this rack by a lease that still runs; None without one."""
        return self._grantor if self._clock.seconds() < self._ends else None
