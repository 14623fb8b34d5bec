"""M18: what the drill says of a flood, and that the flood is one: against a real region process."""

import re
import time

import pytest
from attrs import evolve
from twisted.internet.threads import deferToThread

from evenrack.lab.clocks import Clocks
from evenrack.lab.drill.trust.flood import Flooded, what_was_felt
from evenrack.lab.intruder.flood import flood
from evenrack.runtime.wall_clock import utc_now
from evenrack.wire.session import LinkEnd
from tests.region.processes import eventually, fleet_on

CLOCKS = Clocks(seconds=time.monotonic, sleep=time.sleep, now=utc_now)
HELD_SECONDS = 11.0
"""Twice as long as whoever says nothing may stay: handshakes take their time, too."""
LIMIT = 2.0
QUIET = Flooded(connected=2_000, shaken=60, left=0, looks=50, slowest=0.3, mebibytes=90.0)


@pytest.mark.parametrize(
    ("unlike", "said"),
    [
        ({}, None),
        ({"connected": 0}, "only 0 silent connections .* shows nothing"),
        ({"shaken": 0}, "0 finished handshakes came about: this shows nothing"),
        ({"looks": 2}, "looked at 2 times while the flood held: this shows nothing"),
        ({"left": 20}, "20 of 60 connections of whoever has no right are open"),
        ({"slowest": 2.5}, "status took 2.50 s"),
        ({"mebibytes": 200.0}, "it takes 200 MiB"),
    ],
)
def test_what_is_felt_of_a_flood_is_said_and_what_shows_nothing_is_no_success(unlike, said):
    found = what_was_felt(evolve(QUIET, **unlike), LIMIT)
    assert found == said if said is None else re.search(said, found)


@pytest.mark.postgres
@pytest.mark.deadline(120)
@pytest.mark.parametrize("waits", [False, True], ids=["as it is", "that waits for its peers"])
async def test_the_flood_tells_of_a_region_that_waits_for_its_peers_to_end(
    waits, database_dsn, monkeypatch
):
    if waits:
        monkeypatch.setattr(LinkEnd, "close", lambda link: link.transport.loseConnection())
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(lambda: fleet.read().live)
        region = fleet.regions["region1/1"]
        told = await deferToThread(flood, "127.0.0.1", region.port, 50, HELD_SECONDS, CLOCKS)
        assert told["connected"] >= 50
        assert told["shaken"] == 60
        assert told["left"] == (20 if waits else 0), "those that were refused"
        await eventually(lambda: len(region.service.strangers) == 0)
