"""How often a rack may be given a new certificate: signing and its row cost us, not the rack."""

from twisted.internet.interfaces import IReactorTime

from evenrack.errors import EnrolmentRefused
from evenrack.model.identifiers import RackId

RENEWAL_SECONDS = 60.0
"""A rack renews after 20 days, and once when another authority signs."""


class RenewalPace:
    """One renewal a minute of each rack, at one process: no question to the database before."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._next_at: dict[RackId, float] = {}

    def begin(self, rack: RackId) -> None:
        """Count a renewal; EnrolmentRefused while the last one is a moment ago, or under way."""
        now = self._clock.seconds()
        wait = self._next_at.get(rack, now) - now
        if wait > 0:
            raise too_often(rack)
        self._next_at[rack] = now + RENEWAL_SECONDS

    def came_to_nothing(self, rack: RackId) -> None:
        """Let it ask again at once."""
        self._next_at.pop(rack, None)


def too_often(rack: RackId) -> EnrolmentRefused:
    """Refuse it."""
    return EnrolmentRefused(
        f"rack {rack} has a new certificate, or asks for one already: one renewal a minute is "
        "allowed, ask again after that"
    )
