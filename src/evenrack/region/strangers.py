"""How many connections are open whose other end has not said who it is; pure.

Each costs memory and a handshake. Racks come from addresses of their own, so a flood from a few
addresses is cut where it comes from, and everybody else is let in.
"""

from collections import Counter
from typing import Protocol

MOST_STRANGERS = 1_024
MOST_FROM_ONE_ADDRESS = 128
"""Racks that come back after an outage may do so from behind one address."""


class Stranger(Protocol):
    """A connection, by the address at its other end."""

    peer_address: str


class Strangers:
    """Counts those who have connected and not been recognised yet."""

    def __init__(self) -> None:
        self._here: dict[Stranger, str] = {}
        self._from: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._here)

    def may_come(self, host: str) -> bool:
        """Tell whether one more may connect from this address."""
        return len(self._here) < MOST_STRANGERS and self._from[host] < MOST_FROM_ONE_ADDRESS

    def came(self, stranger: Stranger) -> None:
        """Count one that has connected."""
        host = stranger.peer_address.rpartition(":")[0]
        self._here[stranger] = host
        self._from[host] += 1

    def left(self, stranger: Stranger) -> None:
        """Count one no more: it is recognised, or gone. Safe to repeat."""
        host = self._here.pop(stranger, None)
        if host is not None:
            self._from[host] -= 1
            if not self._from[host]:
                del self._from[host]
