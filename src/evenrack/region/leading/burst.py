"""What lost a link since it was last quiet: it may be about to go altogether."""

from collections.abc import Mapping

from evenrack.model.identifiers import ProcessId, RackId


class Burst:
    """Compares the links of one look with those of the look before.

    When a host dies its links end one after another. What is moved meanwhile should not go to its
    other processes, nor to racks that are going with it.
    """

    def __init__(self) -> None:
        self._reach: Mapping[RackId, tuple[ProcessId, ...]] = {}
        self.losers: set[str] = set()
        """The ids of processes and racks that lost a link."""

    def look(self, reach: Mapping[RackId, tuple[ProcessId, ...]], *, quiet: bool) -> None:
        """Take in one reading; when it is quiet, all is forgotten that was before."""
        if quiet:
            self.losers.clear()
        for rack, before in self._reach.items():
            now = reach.get(rack, ())
            if now != before:
                lost = [process for process in before if process not in now]
                self.losers.update(lost)
                if lost:
                    self.losers.add(rack)
        self._reach = reach
