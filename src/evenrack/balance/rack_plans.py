"""What each rack must do, from the fleet: pure."""

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.model.rack_plan import RackPlan


def plan_for(fleet: Fleet, rack: RackId) -> RackPlan | None:
    """Give the rack's newest plan; None while nobody manages it."""
    managing = fleet.managing.get(rack)
    if managing is None:
        return None
    return RackPlan(rack=rack, number=managing.number, managed_by=managing.process)
