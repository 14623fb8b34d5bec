"""What a rack tells the regions of itself: to whom, when, and again until it is taken."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address

import pytest
from attrs import evolve
from twisted.internet.defer import fail
from twisted.protocols import amp

from evenrack.errors import DatabaseUnreachable, ProgramFailed, RackIdentityInUse
from evenrack.model.dhcp_lease import DhcpLease
from evenrack.model.dhcp_report import AddressCount, DhcpReport, VlanReport
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, LinkId, ProcessId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.new_leases import LeaseNews, VlanNews
from evenrack.model.power import BmcReach
from evenrack.rack.teller import INTERFACES_SECONDS, LOOK_SECONDS, REPEAT_SECONDS, Teller
from evenrack.wire.region_commands import ReportDhcp, ReportLeases
from tests.wire.both_ends import RACK, Desk, Link, World

A, B = "region1/1", "region2/1"
ETH0 = (Interface(name="eth0", address=IPv4Interface("192.0.2.7/24")),)
ETH1 = (Interface(name="eth1", address=IPv4Interface("198.51.100.7/24")),)
NONE_ANSWERS = BmcReach()
SERVES = DhcpReport(applied="plan1", running=True)
SOON = LOOK_SECONDS + 0.5


class UnwillingDesk(Desk):
    """A region process that may refuse a report."""

    refusal = None

    async def dhcp(self, link, report):
        if self.refusal is not None:
            raise self.refusal
        await super().dhcp(link, report)


class Telling:
    """One rack's teller with real links to region processes."""

    def __init__(self):
        self.world = World()
        self.desks, self.links = {}, []
        self.managed_by = None
        self.interfaces = ETH0
        self.ip_works = True
        self.looks = 0
        self.report = DhcpReport()
        self.reach = BmcReach()
        self.teller = Teller(
            lambda: [link.rack for link in self.links],
            lambda: self.managed_by,
            self._interfaces,
            lambda: self.report,
            lambda: self.reach,
            self.world.clock,
        )

    def link(self, process):
        """Connect to a region process, once more if need be."""
        desk = self.desks.setdefault(process, UnwillingDesk(world=self.world))
        link = Link(reception={"process": ProcessId(process)}, desk=desk).introduce()
        link.rack.link = LinkId(f"link{len(self.links)}")
        self.links.append(link)
        return link

    def begin(self):
        self.teller.startService()
        self.world.settle()
        return self

    def told(self, process=A):
        """Take what a process was told since this was asked last."""
        desk = self.desks[process]
        told = [what for what in desk.told if what[0] in {"interfaces", "dhcp", "reach"}]
        desk.told.clear()
        return told

    async def _interfaces(self):
        self.looks += 1
        if not self.ip_works:
            raise ProgramFailed("ip -j addr", "ended with exit code 1", "")
        return self.interfaces


@pytest.fixture
def telling():
    return Telling()


def everything(interfaces=ETH0, report=SERVES, reach=NONE_ANSWERS):
    return [("interfaces", RACK, interfaces), ("dhcp", RACK, report), ("reach", RACK, reach)]


NOTHING = DhcpReport()


def test_the_managing_process_is_told(telling):
    telling.link(A)
    telling.link(B)
    telling.managed_by = B
    telling.begin()
    assert telling.told(B) == everything(report=NOTHING)
    assert telling.told(A) == []


@pytest.mark.parametrize("manager", [None, "region9/1"])
def test_any_other_process_is_told_while_the_managing_one_is_not_connected(telling, manager):
    telling.link(A)
    telling.managed_by = manager
    telling.begin()
    assert telling.told(A) == everything(report=NOTHING)


def test_without_a_link_nobody_is_told_and_the_first_one_that_comes_is(telling):
    telling.begin()
    telling.world.advance(10.0)
    telling.link(A)
    telling.world.advance(SOON)
    assert telling.told() == everything(report=NOTHING)


def test_a_change_is_told_at_once_when_it_is_triggered_and_soon_when_it_is_not(telling):
    telling.link(A)
    telling.begin()
    telling.told()
    telling.report = SERVES
    telling.teller.trigger()
    telling.world.settle()
    assert telling.told() == everything()
    telling.report = DhcpReport(applied="plan2")
    telling.world.advance(SOON)
    assert telling.told() == everything(report=telling.report)


def test_which_bmcs_answer_is_told_when_it_changes(telling):
    telling.link(A)
    telling.begin()
    telling.told()
    telling.reach = BmcReach(answering=(BmcId(3), BmcId(7)), unknown=(BmcId(9),))
    telling.teller.trigger()
    telling.world.settle()
    assert telling.told() == everything(report=NOTHING, reach=telling.reach)


def test_nothing_is_told_of_bmcs_before_the_rack_has_looked_at_its_plan(telling):
    telling.reach = None
    telling.link(A)
    telling.begin()
    telling.world.advance(SOON * 3)
    assert telling.told() == everything(report=NOTHING)[:2]
    telling.reach = BmcReach()
    telling.teller.trigger()
    telling.world.settle()
    assert telling.told() == everything(report=NOTHING)


def test_what_was_told_is_not_told_again_before_30_s(telling):
    telling.link(A)
    telling.begin()
    telling.told()
    for _ in range(10):
        telling.teller.trigger()
    telling.world.advance(REPEAT_SECONDS - LOOK_SECONDS)
    assert telling.told() == []
    telling.world.advance(LOOK_SECONDS + SOON)
    assert telling.told() == everything(report=NOTHING)


def test_a_new_link_is_told_everything_again(telling):
    telling.links.append(telling.link(A))
    telling.begin()
    telling.told()
    telling.links.clear()
    telling.link(A).rack.link = LinkId("another")
    telling.world.advance(SOON)
    assert telling.told() == everything(report=NOTHING)


def test_a_new_managing_process_is_told_everything_again(telling):
    telling.link(A)
    telling.link(B)
    telling.managed_by = A
    telling.begin()
    telling.managed_by = B
    telling.world.advance(SOON)
    assert telling.told(B) == everything(report=NOTHING)


@pytest.mark.parametrize(
    "refusal",
    [DatabaseUnreachable("no answer"), RackIdentityInUse("another daemon is this rack")],
    ids=["no database", "not the one that counts yet"],
)
def test_what_is_refused_is_told_again_until_it_is_taken(telling, refusal):
    telling.link(A)
    telling.desks[A].refusal = refusal
    telling.begin()
    telling.world.advance(3.0)
    assert {what for what, *_ in telling.told()} == {"interfaces"}
    telling.desks[A].refusal = None
    telling.world.advance(SOON)
    assert telling.told() == everything(report=NOTHING)
    telling.world.advance(10.0)
    assert telling.told() == []


def test_what_was_on_its_way_when_its_link_ended_is_told_on_the_next_one(telling):
    link = telling.link(A)
    telling.teller.startService()
    link.rack.abort()
    telling.world.settle()
    telling.links.clear()
    telling.link(A)
    telling.told()
    telling.world.advance(SOON)
    assert telling.told() == everything(report=NOTHING)


def test_the_interfaces_are_looked_at_every_5_s_and_a_change_is_told(telling):
    telling.link(A)
    telling.begin()
    telling.told()
    telling.interfaces = ETH1
    telling.world.advance(INTERFACES_SECONDS - LOOK_SECONDS)
    assert telling.looks == 1
    telling.world.advance(2 * LOOK_SECONDS)
    assert telling.looks == 2
    assert telling.told() == everything(ETH1, NOTHING)
    telling.world.advance(10 * INTERFACES_SECONDS)
    assert 10 <= telling.looks <= 12


def test_an_ip_that_fails_does_no_harm_and_is_tried_again(telling, logged):
    telling.link(A)
    telling.ip_works = False
    telling.begin()
    telling.world.advance(3.0)
    assert telling.told() == []
    assert any("interfaces not read: ip -j addr" in line for line in logged())
    assert not any("report not taken" in line for line in logged())
    telling.ip_works = True
    telling.world.advance(SOON)
    assert telling.told() == everything(report=NOTHING)


def test_while_ip_fails_what_it_said_before_still_counts(telling):
    telling.link(A)
    telling.begin()
    telling.told()
    telling.ip_works = False
    telling.world.advance(2 * INTERFACES_SECONDS)
    telling.report = SERVES
    telling.world.advance(SOON)
    assert telling.told() == everything()


def as_a_region_of_before(find, command=ReportDhcp, unknown=b"addresses"):
    """Find answers as a region process that knows nothing of how many addresses are left."""

    def locate(name):
        answer = find(name)

        def strictly(box):
            if any(unknown in value for value in box.values()):
                return fail(amp.RemoteAmpError(b"BAD_ARGUMENTS", "arguments not understood"))
            return answer(box)

        return strictly if name == command.commandName else answer

    return locate


COUNTED = VlanReport(
    vlan=VlanId(1),
    number=FleetNumber(1, 5),
    role="alone",
    addresses=AddressCount(total=9, free=4),
)


def test_a_region_of_before_is_told_all_that_it_knows_of(telling):
    link = telling.link(A)
    link.region.locateResponder = as_a_region_of_before(link.region.locateResponder)
    telling.report = evolve(SERVES, vlans=(COUNTED,))
    telling.begin()
    known = evolve(SERVES, vlans=(evolve(COUNTED, addresses=None),))
    assert telling.told() == everything(report=known)
    telling.world.advance(REPEAT_SECONDS - 1)
    assert telling.told() == [], "it was taken"


def test_a_region_of_today_is_told_how_many_addresses_are_left(telling):
    telling.link(A)
    telling.report = evolve(SERVES, vlans=(COUNTED,))
    telling.begin()
    assert telling.told() == everything(report=telling.report)


def test_new_leases_are_told_and_a_region_of_before_is_told_nothing(telling):
    link = telling.link(A)
    news = LeaseNews(elsewhere=3)
    link.ask(link.rack.report_leases(news)).value()
    assert ("leases", RACK, news) in telling.desks[A].told
    telling.desks[A].told.clear()
    find = link.region.locateResponder
    link.region.locateResponder = lambda name: None if name == b"ReportLeases" else find(name)
    link.ask(link.rack.report_leases(news)).value()
    assert telling.desks[A].told == []


FOUR = DhcpLease(address=IPv4Address("10.1.0.5"), mac="52:54:00:12:34:56")
SIX = DhcpLease(address=IPv6Address("fd00:1::5"), duid="00:02:00:00:ab:11", iaid=7)


def test_new_leases_of_ipv6_are_told_by_name_and_by_number_where_the_region_cannot_read_them(
    telling,
):
    link = telling.link(A)
    news = LeaseNews(vlans=(VlanNews(vlan=VlanId(1), leases=(FOUR, SIX), more=2),), elsewhere=3)
    link.ask(link.rack.report_leases(news)).value()
    assert ("leases", RACK, news) in telling.desks[A].told
    telling.desks[A].told.clear()
    find = link.region.locateResponder
    link.region.locateResponder = as_a_region_of_before(find, ReportLeases, b"fd00:")
    link.ask(link.rack.report_leases(news)).value()
    known = evolve(news, vlans=(VlanNews(vlan=VlanId(1), leases=(FOUR,), more=3),))
    assert telling.desks[A].told == [("leases", RACK, known)]


def test_news_that_no_region_can_read_are_not_told_twice(telling):
    link = telling.link(A)
    find, asked = link.region.locateResponder, []
    strict = as_a_region_of_before(find, ReportLeases, b"10.1.0.5")
    link.region.locateResponder = lambda name: asked.append(name) or strict(name)
    news = LeaseNews(vlans=(VlanNews(vlan=VlanId(1), leases=(FOUR,)),))
    assert isinstance(link.ask(link.rack.report_leases(news)).error(), amp.UnknownRemoteError)
    assert asked.count(b"ReportLeases") == 1
