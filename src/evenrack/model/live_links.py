"""Of all links that are recorded, those to running processes; what did not change stays as it is.

A process that was declared dead, or has begun anew, leaves rows of its earlier incarnation behind.
"""

from collections.abc import Mapping

from evenrack.model.differing import differing
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.links import Link, Links

Recorded = Mapping[RackId, tuple[Link, ...]]


class LiveLinks:
    """Goes along with the readings; a look costs what differs from the one before."""

    def __init__(self) -> None:
        self._recorded: Recorded = {}
        self._running: Mapping[ProcessId, int] = {}
        self._links = Links()

    def among(self, recorded: Recorded, running: Mapping[ProcessId, int]) -> Links:
        """Give the links to running processes (each with the incarnation that runs)."""
        before, self._recorded = self._recorded, recorded
        if running != self._running:
            changed = list(recorded.keys() | before.keys())
            self._running = dict(running)
        else:
            changed = differing(before, recorded)
        if not changed:
            return self._links
        self._links = self._links.replaced(
            {rack: _running(recorded.get(rack, ()), running) for rack in changed}
        )
        return self._links


def _running(links: tuple[Link, ...], running: Mapping[ProcessId, int]) -> tuple[Link, ...]:
    if all(running.get(link.process) == link.incarnation for link in links):
        return links
    return tuple(link for link in links if running.get(link.process) == link.incarnation)
