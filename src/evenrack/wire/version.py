"""The versions of the conversation that this program speaks."""

PROTOCOL = 2
"""What this program speaks. Raised when a command changes so that the other end must know."""

OLDEST_RACK_PROTOCOL = 1
"""The oldest rack that a region still serves: racks may be one version behind."""
