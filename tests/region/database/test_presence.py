"""Whose word on a rack is noted: that of the run of its daemon that holds it (M8)."""

import re
from ipaddress import IPv4Interface

import pytest
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.errors import RackIdentityInUse
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.interface_list import Interface
from evenrack.model.new_leases import LeaseNews
from evenrack.model.power import BmcReach
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.links.presence import GATHER_SECONDS, Presence
from tests.region.database.orders.order_rows import fleet as power_rows
from tests.region.database.sessions import ADDRESS, facts, joined, recorded

pytestmark = pytest.mark.postgres

__all__ = ["power_rows"]

RACK = "rack0001"
ETH0 = Interface(name="eth0", address=IPv4Interface("10.1.0.1/24"))
WORDS = {
    "rack_interface": lambda presence, link, _: presence.interfaces(link, (ETH0,)),
    "rack_dhcp": lambda presence, link, _: presence.dhcp(link, DhcpReport(applied="plan1")),
    "bmc_reach": lambda presence, link, bmcs: presence.bmc_reach(link, BmcReach(answering=bmcs)),
    "event": lambda presence, link, _: presence.new_leases(link, LeaseNews(elsewhere=3)),
}


@frozen(kw_only=True)
class Said:
    """A link, by what counts here."""

    rack: str = RACK
    run: str


@frozen(kw_only=True)
class Told:
    """A database that answers at once."""

    sessions: object

    async def run(self, work):
        return self.sessions.run(work)


class Holding:
    """A database in which the first transaction waits until it is let go on."""

    def __init__(self, sessions):
        self.first = Deferred()
        self._waiting = [self.first]
        self._told = Told(sessions=sessions)

    async def run(self, work):
        if self._waiting:
            await self._waiting.pop()
        return await self._told.run(work)


@pytest.mark.parametrize("table", WORDS)
async def test_m8_what_a_copy_says_that_was_let_in_without_a_database_is_not_the_racks_word(
    power_rows, table
):
    """Its DHCP server is another one: who decides by its word makes a second primary."""
    sessions = power_rows
    me = joined(sessions)
    recorded(sessions, me, facts(RACK, "link1", run="first"))
    presence = Presence(Told(sessions=sessions), ConnectedRacks(), lambda: me, Clock())
    bmcs = tuple(bmc for (bmc,) in sessions.rows("SELECT id FROM bmc"))

    def rows():
        return len(sessions.rows("TABLE " + table))

    before = rows()
    with pytest.raises(RackIdentityInUse, match=re.escape(ADDRESS)):
        await WORDS[table](presence, Said(run="copy"), bmcs)
    assert rows() == before
    await WORDS[table](presence, Said(run="first"), bmcs)
    assert rows() > before


async def test_a_run_that_took_its_rack_over_is_believed_and_the_one_before_no_more(power_rows):
    sessions = power_rows
    me = joined(sessions)
    recorded(sessions, me, facts(RACK, "link1", run="first"))
    recorded(sessions, me, facts(RACK, "link2", run="second"))
    presence = Presence(Told(sessions=sessions), ConnectedRacks(), lambda: me, Clock())
    with pytest.raises(RackIdentityInUse):
        await presence.dhcp(Said(run="first"), DhcpReport())
    await presence.dhcp(Said(run="second"), DhcpReport())


async def test_of_a_rack_that_was_deleted_nothing_is_noted_and_nobody_is_called_a_copy(sessions):
    presence = Presence(
        Told(sessions=sessions), ConnectedRacks(), lambda: joined(sessions), Clock()
    )
    await presence.dhcp(Said(run="first"), DhcpReport())
    assert sessions.rows("SELECT * FROM rack_dhcp") == []


async def test_a_new_rack_whose_link_is_just_being_written_says_its_word_again(sessions):
    database, clock, me = Holding(sessions), Clock(), joined(sessions)
    presence = Presence(database, ConnectedRacks(), lambda: me, clock)
    presence.startService()
    presence.reconcile({"link1": RACK})
    clock.advance(GATHER_SECONDS)
    with pytest.raises(RackIdentityInUse, match="not in the tables"):
        await presence.dhcp(Said(run="first"), DhcpReport())
    database.first.callback(None)
    await presence.dhcp(Said(run="first"), DhcpReport())
    await presence.stopService()
