"""Which racks are away, and for how long by this process's own clock."""

from twisted.internet.interfaces import IReactorTime

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.region.regular_looks import RegularLooks


class Absences:
    """Counts from when it first saw a rack without a link; a new process counts anew."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._since: dict[RackId, float] = {}
        self._looks = RegularLooks(clock)

    def look(self, fleet: Fleet) -> None:
        """Take in one reading."""
        now = self._clock.seconds()
        known = self._since if self._looks.follows() else {}
        away = [rack for rack in fleet.racks if not fleet.is_connected(rack)]
        self._since = {rack: known.get(rack, now) for rack in away}

    def seconds(self, rack: RackId) -> float | None:
        """Give for how long a rack has been away; None for one that is there."""
        since = self._since.get(rack)
        return None if since is None else self._clock.seconds() - since

    def for_less_than(self, seconds: float) -> list[RackId]:
        """Give the racks that are away, but not for so long."""
        now = self._clock.seconds()
        return [rack for rack, since in self._since.items() if now - since < seconds]

    def for_at_least(self, seconds: float) -> list[RackId]:
        """Give the racks that have been away for so long."""
        now = self._clock.seconds()
        return [rack for rack, since in self._since.items() if now - since >= seconds]
