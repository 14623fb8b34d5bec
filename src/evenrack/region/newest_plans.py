"""Which racks of a process do not follow their newest plan: pure, and cheap where nothing changed.

What a plan says follows from its rack's row, number and interfaces, and from the fleet's VLANs and
BMCs. While all of these are the same objects as before, so is the plan: only its fingerprint is
kept, which tells whether the rack follows it.
"""

from ipaddress import IPv4Interface

from attrs import define, field, frozen

from evenrack.balance.rack_plans import plan_for
from evenrack.model.fleet import Managing, PlanFacts, Rack
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan


@frozen
class _Made:
    """From what a plan was made, and its fingerprint."""

    managing: Managing
    interfaces: tuple[IPv4Interface, ...]
    fingerprint: str


@define
class NewestPlans:
    """Goes along with the readings of the facts."""

    _process: ProcessId
    _made: dict[RackId, _Made] = field(factory=dict, init=False)
    _shared: tuple[object, ...] = field(default=(), init=False)

    def outdated(self, facts: PlanFacts) -> dict[RackId, RackPlan]:
        """Give the newest plan of each rack of this process that follows an older one."""
        self._forget_others(facts)
        found = {}
        for rack, managing in facts.managing.items():
            if managing.process == self._process and not self._follows(facts, rack, managing):
                plan = plan_for(facts, rack)
                assert plan is not None  # noqa: S101  somebody manages it
                self._made[rack] = _Made(managing, facts.interfaces.get(rack, ()), plan.fingerprint)
                if _is_newer(plan.number, plan.fingerprint, facts.racks[rack]):
                    found[rack] = plan
        return found

    def _forget_others(self, facts: PlanFacts) -> None:
        """Forget plans that were made from other VLANs or BMCs, or whose rack is another's."""
        shared = (facts.vlans, facts.services, facts.bmcs)
        if len(self._shared) != len(shared) or any(
            one is not other for one, other in zip(self._shared, shared, strict=True)
        ):
            self._shared, self._made = shared, {}

    def _follows(self, facts: PlanFacts, rack: RackId, managing: Managing) -> bool:
        """Tell whether the rack surely follows its newest plan."""
        made = self._made.get(rack)
        return (
            made is not None
            and made.managing == managing
            and made.interfaces == facts.interfaces.get(rack, ())
            and not _is_newer(managing.number, made.fingerprint, facts.racks[rack])
        )


def _is_newer(number: FleetNumber, fingerprint: str, rack: Rack) -> bool:
    """Tell whether to send: the rack follows an older plan, or another under the same number."""
    if rack.holds == number:
        return rack.holds_fingerprint != fingerprint
    return rack.holds < number
