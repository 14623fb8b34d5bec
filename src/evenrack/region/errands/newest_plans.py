"""Which racks of a process do not follow their newest plan: pure, and cheap where nothing changed.

What a plan says follows from its rack's row, number, interfaces and version, and from the fleet's
VLANs, snippets and BMCs. While all of these are the same objects as before, so is the plan: its
fingerprint tells whether the rack follows it.
"""

from ipaddress import IPv4Interface

from attrs import define, evolve, field, frozen

from evenrack.balance.rack_plans import plan_for
from evenrack.model.fleet import Managing, PlanFacts, Rack
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from evenrack.wire.version import EVERY_BMC, bmcs_for


@frozen
class _Made:
    """A plan, and from what it was made."""

    shared: tuple[object, ...]
    managing: Managing
    interfaces: tuple[IPv4Interface, ...]
    older: int | None
    """The version that its rack speaks, where that cannot be told of every BMC."""
    plan: RackPlan


@define
class NewestPlans:
    """Goes along with the readings of the facts."""

    _process: ProcessId
    _made: dict[RackId, _Made] = field(factory=dict, init=False)
    _bases: dict[RackId, RackPlan] = field(factory=dict, init=False)
    """What racks follow whose newest plan is another one."""
    _shared: tuple[object, ...] = field(default=(), init=False)

    def outdated(self, facts: PlanFacts) -> dict[RackId, RackPlan]:
        """Give the newest plan of each rack of this process that follows an older one."""
        self._note_shared(facts)
        found = {}
        mine = {rack: it for rack, it in facts.managing.items() if it.process == self._process}
        for rack, managing in mine.items():
            if not self._follows(facts, rack, managing):
                plan = _plan_as_read(facts, rack)
                self._note_base(facts.racks[rack])
                interfaces, older = facts.interfaces.get(rack, ()), facts.older.get(rack)
                self._made[rack] = _Made(self._shared, managing, interfaces, older, plan)
                if _is_newer(plan.number, plan.fingerprint, facts.racks[rack]):
                    found[rack] = plan
        for known in (self._made, self._bases):
            for rack in known.keys() - mine.keys():
                del known[rack]
        return found

    def base_of(self, rack: RackId) -> RackPlan | None:
        """Give the plan that this rack, whose newest is another one, follows as far as is known."""
        return self._bases.get(rack)

    def can_be_read(self, plan: RackPlan, rack: RackId, protocol: int) -> bool:
        """Tell whether this plan was made for a rack that speaks this version.

        A rack that came with another one since the facts were read gets its own by the next look.
        """
        made = self._made.get(rack)
        older = protocol if protocol < EVERY_BMC else None
        return made is not None and made.plan is plan and made.older == older

    def _note_shared(self, facts: PlanFacts) -> None:
        """See whether plans that were made from other facts are still those of these."""
        shared = (facts.vlans, facts.services, facts.relayed, facts.global_snippets, facts.bmcs)
        if len(self._shared) != len(shared) or any(
            one is not other for one, other in zip(self._shared, shared, strict=True)
        ):
            self._shared = shared

    def _note_base(self, rack: Rack) -> None:
        """Remember the plan that was made last, if it is the one that the rack follows."""
        made = self._made.get(rack.id)
        if made is not None and made.plan.fingerprint == rack.holds_fingerprint:
            self._bases[rack.id] = made.plan

    def _follows(self, facts: PlanFacts, rack: RackId, managing: Managing) -> bool:
        """Tell whether the rack surely follows its newest plan."""
        made = self._made.get(rack)
        follows = (
            made is not None
            and made.shared is self._shared
            and made.managing == managing
            and made.interfaces == facts.interfaces.get(rack, ())
            and made.older == facts.older.get(rack)
            and not _is_newer(managing.number, made.plan.fingerprint, facts.racks[rack])
        )
        if follows:
            self._bases.pop(rack, None)  # the one that was made is it
        return follows


def _plan_as_read(facts: PlanFacts, rack: RackId) -> RackPlan:
    """Give the newest plan of a rack that is managed, without what an older one cannot read."""
    plan = plan_for(facts, rack)
    assert plan is not None  # noqa: S101  somebody manages it
    older = facts.older.get(rack)
    return plan if older is None else evolve(plan, bmcs=bmcs_for(older, plan.bmcs, facts.bmcs))


def _is_newer(number: FleetNumber, fingerprint: str, rack: Rack) -> bool:
    """Tell whether to send: the rack follows an older plan, or another under the same number."""
    if rack.holds == number:
        return rack.holds_fingerprint != fingerprint
    return rack.holds < number
