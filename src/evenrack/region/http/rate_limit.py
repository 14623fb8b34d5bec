"""How often somebody may do something: a token bucket for each key. Pure: the time is handed in.

A bucket is one number, the moment at which it is full again (the "generic cell rate algorithm",
ITU-T I.371): taking moves that moment on, and as long as it is not too far ahead one may take.
"""

from collections.abc import Hashable

from attrs import frozen

MOST_KEYS = 4096
_ROUNDING = 1e-4
"""Seconds; of times as large as those of hosts that run for years."""


@frozen(kw_only=True)
class Rate:
    """So many in a second in the long run, and so many at once."""

    per_second: float
    burst: int


class RateLimit:
    """A bucket for each key, all of one rate; the memory of them is bounded."""

    def __init__(self, rate: Rate, *, most_keys: int = MOST_KEYS) -> None:
        self._each = 1 / rate.per_second
        self._ahead = (rate.burst - 1) * self._each
        self._most_keys = most_keys
        self._full_at: dict[Hashable, float] = {}

    def wait(self, key: Hashable, now: float) -> float:
        """Give the seconds until one more may be taken; 0 when it may be now."""
        wait = self._full_at.get(key, now) - now - self._ahead
        return wait if wait > _ROUNDING else 0.0

    def take(self, key: Hashable, now: float) -> float:
        """Take one if it may be taken, and give what `wait` gave before."""
        wait = self.wait(key, now)
        if not wait:
            if key not in self._full_at and len(self._full_at) >= self._most_keys:
                self._forget(now)
            self._full_at[key] = max(now, self._full_at.get(key, now)) + self._each
        return wait

    def __len__(self) -> int:
        """Give how many keys are remembered."""
        return len(self._full_at)

    def _forget(self, now: float) -> None:
        """Forget the buckets that are full anyway; when none is, the one that soonest would be."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        if len(self._full_at) >= self._most_keys:
            del self._full_at[min(self._full_at, key=self._full_at.__getitem__)]
