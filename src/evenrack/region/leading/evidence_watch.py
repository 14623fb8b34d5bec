"""For how long the evidence that a DHCP server is dead has been complete, by the leader's clock."""

from twisted.internet.interfaces import IReactorTime

from evenrack.balance.partner_down_evidence import Evidence, complete_evidence, why_not_now
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.region.regular_looks import RegularLooks


class EvidenceWatch:
    """Counts from when it first saw the evidence complete; whatever is missing once starts anew.

    So does a new leader, and a leader that has not looked for a while.
    """

    def __init__(self, clock: IReactorTime, *, after_seconds: float | None) -> None:
        self._clock = clock
        self._after_seconds = after_seconds
        """For so long it must be; None for ever."""
        self._since: dict[tuple[VlanId, RackId], float] = {}
        self._complete: tuple[Evidence, ...] = ()
        self._looks = RegularLooks(clock)

    def look(self, fleet: Fleet) -> None:
        """Take in one reading."""
        now = self._clock.seconds()
        known = self._since if self._looks.follows() else {}
        self._complete = complete_evidence(fleet)
        keys = ((it.vlan, it.dead) for it in self._complete)
        self._since = {key: known.get(key, now) for key in keys}

    def enough(self, fleet: Fleet) -> tuple[Evidence, ...]:
        """Give what is enough to call a server dead now, of the reading that was taken in last."""
        now = self._clock.seconds()
        return tuple(
            it
            for it in self._complete
            if why_not_now(
                fleet,
                it,
                held_seconds=now - self._since[it.vlan, it.dead],
                after_seconds=self._after_seconds,
            )
            is None
        )
