"""Mistakes that the checks of power must find."""

from tests.together.broken_feature import POWER, in_network

_NEVER_DONE = r"cycle of m1 by nobody: still at NEW|m1 has order \d+, which has not ended"
BROKEN = (
    in_network(
        "orders_are_for_owners_only",
        {
            "one rack alone: a power order is done": _NEVER_DONE,
            "the owner's host killed: the next power command is done by another rack": (
                _NEVER_DONE
            ),
        },
        POWER,
        most_seconds=3,
    ),
    in_network(
        "bmcs_move_at_once",
        {"owners of BMCs are shown, even and sticky": r"moved with no need: "},
        POWER,
    ),
    in_network(
        "old_orders_are_carried_out",
        {
            "the owner hangs: the next power command is done by another rack, once": (
                r"b1 was told off, on, .*not off, on"
            )
        },
        POWER,
    ),
    in_network(
        "orders_wait_for_their_rack",
        {
            "a rack dies with orders in its hands: others do them at once": (
                r"cycle of m\d+ by rack\d: still at NEW"
            )
        },
        POWER,
        most_seconds=3,
    ),
    in_network(
        "reach_is_learnt_when_none_is_left",
        {
            "a second rack reaches the BMCs again: known while the first serves them": (
                r"rack\d is not known to reach b1, .*, which rack\d reaches"
            )
        },
        POWER,
        moment="when it is up",
    ),
    in_network(
        "machines_are_turned_on_twice",
        {"on, off, cycle, query do what the BMC's log says": r"b1 was told on, on, not on"},
        POWER,
    ),
)
