"""The versions of the conversation that this program speaks."""

PROTOCOL = 3
"""What this program speaks. Raised when a command changes so that the other end must know."""

PLANS_IN_PARTS = 3
"""From this version on a rack takes large plans in parts (`OfferPlan`)."""

OLDEST_RACK_PROTOCOL = 2
"""The oldest rack that a region still serves: racks may be one version behind."""
