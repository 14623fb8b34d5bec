"""The newest plan that the rack follows; never goes back. Pure."""

from evenrack.errors import StalePlan
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import RackId
from evenrack.model.rack_plan import RackPlan


class NewestPlan:
    """Holds one plan and knows which others may take its place."""

    def __init__(self, rack: RackId, plan: RackPlan | None = None) -> None:
        self._rack = rack
        self.plan = plan

    @property
    def number(self) -> FleetNumber:
        """The number of the plan that is followed; 0.0 before the first."""
        return BEFORE_ALL if self.plan is None else self.plan.number

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the plan that is followed; empty before the first."""
        return "" if self.plan is None else self.plan.fingerprint

    def is_news(self, plan: RackPlan) -> bool:
        """Tell whether to follow this plan from now on; False when it is followed already.

        StalePlan when it is older, or another rack's.
        """
        if plan.rack != self._rack:
            raise StalePlan(f"the plan is for rack {plan.rack}, this is {self._rack}")
        if plan.number < self.number:
            raise StalePlan(f"plan {plan.number} is older than {self.number}, which is followed")
        return plan.fingerprint != self.fingerprint  # equal exactly when the plans are

    def follow(self, plan: RackPlan) -> None:
        """Take the plan as the newest; it must be news."""
        self.plan = plan
