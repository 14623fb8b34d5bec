"""A world in which one rack is lost for good: its daemon, its DHCP server with it, or its host."""

from typing import Literal

import pytest

from evenrack.region.database.fleet_cache import read_fleet
from tests.simulation import fleet as fleets
from tests.simulation.run import simulate

EVIDENCE_SECONDS = 5.0
LOST_AT = 15.0
SECONDS = 60.0
"""Enough for the hold-down, two rounds of probes and the evidence, twice."""

Loss = Literal["daemon", "daemon and server", "host"]


def live_through_a_loss(seed, dsn, loss, *, vlans):
    """Give of which VLANs a server is called dead in the end, and what was wrong before."""
    dead = []

    def prepare(world, server, fleet, safety):
        def lose():
            (name,) = fleet.network.servers_in("primary")["vlan1"]
            world.note("lost", name, loss)
            fleet.kill(name, silently=loss == "host")
            fleet.network.lose(name, loss)

        def look():
            dead.extend(server.transaction(read_fleet).partner_downs)

        world.at(LOST_AT, lose)
        world.at(SECONDS - 1.0, look)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("tests.simulation.network.RACKS_OF_VLAN", vlans)
        patches.setattr(fleets, "EVIDENCE_SECONDS", EVIDENCE_SECONDS)
        outcome = simulate(seed, dsn, seconds=SECONDS, faults=False, prepare=prepare)
    return dead, [wrong for wrong in outcome.wrong if wrong.startswith("at ")]
