"""For each check of the drill a mistake that breaks what it is about, and how it then says no.

A check that cannot fail is a defect: a new one needs an entry here (`tests/lab`). The mistakes are
in `region_mistakes` and `rack_mistakes`; `checks_can_fail` plants them.
"""

from tests.together import broken_balance, broken_power, broken_services, broken_trust

BROKEN = (
    *broken_balance.BROKEN,
    *broken_services.BROKEN,
    *broken_power.BROKEN,
    *broken_trust.BROKEN,
)

CYCLES_FIND = (
    ("old_orders_are_carried_out", 43, r"2 outages: its BMC was told off, on, off"),
    ("cycles_are_finished_unheard", 16, r"2 outages: its BMC was told off, on, off"),
)
"""What one round of cycles finds: the mistake, a seed, and what is said of it."""
