"""What follows from a reading of the fleet, worked out from what followed from the one before.

A Fleet works out by itself whatever it is asked for; here the same comes cheaper, and is given to
it beforehand. A fleet that is thought up from another (`evolve`) works it out anew.
"""

from typing import Any

from evenrack.model.bmc_survival import BmcSurvivalIndex
from evenrack.model.fleet import Fleet, PlanFacts


class FleetIndex:
    """Goes along with the readings of one process."""

    def __init__(self) -> None:
        self._bmcs = BmcSurvivalIndex()
        self._before: dict[str, tuple[tuple[object, ...], Any]] = {}

    def complete_facts(self, facts: PlanFacts) -> None:
        """Give these what plans are made with."""
        self._same_or_anew(facts, "bmc_addresses", (facts.bmcs,))
        self._same_or_anew(facts, "served_by", (facts.services,))
        self._same_or_anew(facts, "to_be_served", (facts.vlans, facts.relayed))

    def complete(self, fleet: Fleet) -> None:
        """Give a fleet what decisions are made with."""
        self.complete_facts(fleet)
        self._same_or_anew(fleet, "attached", (fleet.vlans, fleet.interfaces, fleet.placed))
        self._same_or_anew(fleet, "owned", (fleet.bmc_owners,))
        survival = self._bmcs.follow(fleet.bmcs, fleet.answered, fleet.connected)
        fleet.__dict__["bmc_survival"] = survival

    def _same_or_anew(self, facts: PlanFacts, name: str, origin: tuple[object, ...]) -> None:
        """Give what a property was before while what it follows from is the same."""
        before, value = self._before.get(name, ((), None))
        same = len(before) == len(origin) and all(
            one is other for one, other in zip(before, origin, strict=True)
        )
        if not same:
            value = getattr(facts, name)  # which keeps it
            self._before[name] = (origin, value)
        facts.__dict__[name] = value
