"""A plan goes only to a link whose rack can read it: one that came back meanwhile may be older."""

from ipaddress import IPv4Interface

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.model.bmc_host import HostName
from evenrack.model.fleet import Managing
from evenrack.model.identifiers import LinkId
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.errands.plan_sender import PlanSender
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.wire.version import EVERY_BMC, PROTOCOL
from tests.bmc_fleet import bmc_named
from tests.dhcp_fleet import NUMBER, PROCESS, dhcp_fleet, rack_id

ONE = rack_id(1)
OLD = EVERY_BMC - 1
BMCS = {1: bmc_named(1), 2: evolve(bmc_named(2), address=HostName("bmc2.example.com"))}
FACTS = evolve(
    dhcp_fleet({1: [1]}, services={1: (1,)}),
    bmcs=BMCS,
    interfaces={ONE: (IPv4Interface("10.9.0.200/24"),)},
    managing={ONE: Managing(process=PROCESS, number=NUMBER)},
)


class Database:
    """Gives the facts as they are when they are read."""

    def __init__(self, connected):
        self._connected = connected

    async def read(self, _):
        return evolve(FACTS, older=self._connected.older)

    async def run(self, work):
        """Keep nothing of what racks follow: they are told at each look."""


class Link:
    """To a rack that takes plans, and keeps which BMCs it was told of."""

    rack = ONE

    def __init__(self, name, protocol):
        self.link, self.protocol = LinkId(name), protocol
        self.told = []

    async def apply_plan(self, plan, changes):
        self.told.append([target.bmc for target in plan.bmcs])
        return plan.number, plan.fingerprint


@pytest.mark.parametrize(
    ("before", "after", "bmcs"), [(PROTOCOL, OLD, [1]), (OLD, PROTOCOL, [1, 2])]
)
def test_a_rack_that_comes_back_with_another_version_while_its_plan_is_made_gets_its_own_next(
    before, after, bmcs
):
    connected, clock = ConnectedRacks(), Clock()
    gone, back = Link("link1", before), Link("link2", after)

    def connect(link):
        connected.add(link)
        connected.admit(link, recorded=True)

    async def think(work):
        done = work()
        if connected.links_of(ONE) == (gone,):
            connected.remove(gone)
            connect(back)
        return done

    connect(gone)
    sender = PlanSender(Database(connected), FleetCache(), connected, PROCESS, clock, think)
    sender.startService()
    sender.trigger()
    clock.advance(0.1)
    assert connected.links_of(ONE) == (back,)
    assert (gone.told, back.told) == ([], [])
    clock.advance(1.0)
    sender.stopService()
    assert (gone.told, back.told) == ([], [bmcs])
