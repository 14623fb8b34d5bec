"""The versions of the conversation that this program speaks."""

from attrs import evolve

from evenrack.model.power import PowerOrder

PROTOCOL = 3
"""What this program speaks. Raised when a command changes so that the other end must know."""

PLANS_IN_PARTS = 3
"""From this version on a rack takes large plans in parts (`OfferPlan`)."""

UNRECORDED_ORDERS = 3
"""From this version on a rack can be told that an order may have gone further than its phase."""

OLDEST_RACK_PROTOCOL = 2
"""The oldest rack that a region still serves: racks may be one version behind."""


def order_for(protocol: int, order: PowerOrder) -> PowerOrder:
    """Give an order as a rack can read it: an older one ends a link on which it is told more."""
    return order if protocol >= UNRECORDED_ORDERS else evolve(order, unrecorded=False)
