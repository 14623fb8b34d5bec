"""Voluntary moves wait until nothing has happened for a while, but not for ever."""

from twisted.internet.interfaces import IReactorTime

from evenrack.model.fleet import Fleet

MOST_QUIET_WINDOWS = 10
"""With something happening all the time, voluntary moves are at most this many windows late."""


class Quiet:
    """Watches for changes of links and processes between the leader's looks."""

    def __init__(self, clock: IReactorTime, quiet_seconds: float) -> None:
        self._clock = clock
        self._quiet_seconds = quiet_seconds
        self._last: object = None
        self._changed_at = clock.seconds()
        self._waiting_since: float | None = None

    def is_quiet(self, fleet: Fleet) -> bool:
        """Tell whether voluntary moves may be made at this look."""
        now = self._clock.seconds()
        picture = (fleet.live, fleet.reach)
        if picture != self._last:
            self._last = picture
            self.disturbed()
        since = self._waiting_since if self._waiting_since is not None else now
        if now - self._changed_at >= self._quiet_seconds:
            self._waiting_since = None
            return True
        if now - since >= MOST_QUIET_WINDOWS * self._quiet_seconds:
            self._waiting_since = now
            return True
        return False

    def disturbed(self) -> None:
        """Begin a new window: something changed."""
        now = self._clock.seconds()
        self._changed_at = now
        if self._waiting_since is None:
            self._waiting_since = now
