"""A world whose racks are drained one after the other, so that roles are exchanged all the time."""

import pytest

from evenrack.region.database.balance_store import Wish, delete_drain, write_drain
from tests.simulation import network
from tests.simulation.run import simulate

VLANS_OF_TWO = {
    "vlan1": ("rack1", "rack2"),
    "vlan2": ("rack2", "rack3"),
    "vlan3": ("rack3", "rack1"),
    "vlan4": ("rack1", "rack4"),
}
"""No third rack can take a drained one's place: its roles are exchanged, there and back."""
BETWEEN_SECONDS = 4.0
BEGIN_SECONDS = 8.0


def live_through_exchanges(seed, dsn, *, seconds, **course):
    """Give what came of a seed, and how often a server restarted in the other role."""

    def prepare(world, server, fleet, safety):
        ids = [fleet.identities[name] for name in fleet.racks]

        def drain(number):
            drained = ids[number % len(ids)]
            server.transaction(lambda c: [delete_drain(c, "rack", rack) for rack in ids])
            if world.now < seconds - 2 * BETWEEN_SECONDS - 10.0:
                wish = Wish(message="", who="anna")
                server.transaction(lambda c: write_drain(c, "rack", drained, wish))
                world.note("drains", drained)
                world.at(BETWEEN_SECONDS, lambda: drain(number + 1))

        world.at(BEGIN_SECONDS, lambda: drain(seed))

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(network, "RACKS_OF_VLAN", VLANS_OF_TWO)
        outcome = simulate(seed, dsn, seconds=seconds, prepare=prepare, **course)
    return outcome, _exchanges(outcome.history)


def _exchanges(history):
    return sum("exchanges" in line for line in history)
