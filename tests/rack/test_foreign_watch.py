"""What a rack makes of its listener: who is foreign, and what is said when it cannot hear."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface

import pytest
from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.errors import ProgramFailed
from evenrack.model.interface_list import Interface
from evenrack.rack.foreign_watch import LOOK_SECONDS, START_AGAIN_SECONDS, ForeignWatch
from evenrack.rack.listen.words import Order, Told
from tests.dhcp_fleet import dhcp_fleet, rack_id, serving

FLEET = dhcp_fleet({1: (1, 2), 2: (1, 2)}, services={1: (1, 2), 2: (1,)})
PLAN = dhcp_plan_for(FLEET, rack_id(1))
FOREIGN = IPv4Address("10.1.0.66")
MAC = "52:54:00:00:00:01"
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def interface(name, address):
    return Interface(name=name, address=IPv4Interface(address))


BOTH = (
    interface("eth1", "10.1.0.1/24"),
    interface("eth2", "10.2.0.1/24"),
    interface("mgmt", "192.0.2.7/24"),
)


class Host:
    """A rack whose listener is this test."""

    def __init__(self):
        self.clock, self.plan, self.interfaces = Clock(), PLAN, BOTH
        self.starts, self.orders, self.ends, self.changes = 0, [], 0, 0
        self.refusal = None
        self.watch = ForeignWatch(
            self.start,
            lambda: self.plan,
            lambda: self.interfaces,
            600.0,
            self.clock,
            lambda: NOW,
        )
        self.watch.on_change = self.changed
        self.watch.startService()
        self.clock.advance(0)

    async def start(self, tell, ended):
        self.starts += 1
        if self.refusal is not None:
            raise self.refusal
        self.tell, self.ended = tell, ended
        return self

    def say(self, order):
        self.orders.append(order)

    async def end(self):
        self.ends += 1

    def changed(self):
        self.changes += 1

    def hear(self, server, *, on="eth1", mac=MAC):
        self.tell(Told(interface=on, server=IPv4Address(server), mac=mac))

    def look(self, seconds=LOOK_SECONDS):
        for _ in range(round(seconds / LOOK_SECONDS)):
            self.clock.advance(LOOK_SECONDS)

    @property
    def report(self):
        return self.watch.added_to(serving(FLEET, 1).dhcp_report(rack_id(1)))

    @property
    def heard(self):
        return {
            side.vlan: [str(server.address) for server in side.foreign]
            for side in self.report.vlans
            if side.foreign
        }


@pytest.fixture
def host():
    found = Host()
    yield found
    found.watch.stopService()


@pytest.fixture
def warnings():
    found = []

    def observe(event):
        if event["log_level"] == LogLevel.warn:
            found.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


def test_it_listens_where_vlans_are_served_and_nowhere_else(host):
    assert host.orders == [Order(interfaces=("eth1", "eth2"), probe_seconds=600.0)]
    host.look(60)
    assert (host.starts, len(host.orders)) == (1, 1)
    host.plan = PLAN[:1]
    host.look()
    assert host.orders[-1].interfaces == ("eth1",)
    host.plan = ()
    host.look()
    assert host.ends == 1
    host.plan = PLAN
    host.look()
    assert (host.starts, host.orders[-1].interfaces) == (2, ("eth1", "eth2"))


def test_who_is_neither_this_rack_nor_its_peer_is_told_of(host):
    before = host.changes
    for ours in ("10.1.0.1", "10.1.0.2", "192.0.2.7"):  # here, the peer, another VLAN's
        host.hear(ours)
    assert (host.heard, host.changes) == ({}, before)
    host.hear(FOREIGN)
    assert (host.heard, host.changes) == ({1: [str(FOREIGN)]}, before + 1)
    (server,) = host.report.vlans[0].foreign
    assert (server.mac, server.since) == (MAC, int(NOW.timestamp()))
    host.hear("10.1.0.2", on="eth2")  # the peer is none of this VLAN's
    assert host.heard == {1: [str(FOREIGN)], 2: ["10.1.0.2"]}
    host.hear(FOREIGN, on="eth9")  # no longer listened to


def test_two_vlans_on_one_wire_have_the_same_servers_and_each_others_racks(host):
    host.interfaces = (interface("eth1", "10.1.0.1/24"), interface("eth1", "10.2.0.1/24"))
    host.look()
    host.hear("10.1.0.2")
    assert host.heard == {}
    host.hear(FOREIGN)
    assert host.heard == {1: [str(FOREIGN)], 2: [str(FOREIGN)]}


def test_who_is_silent_is_forgotten_and_that_is_told(host):
    host.hear(FOREIGN)
    before = host.changes
    host.look(1490)
    assert (host.heard, host.changes) == ({1: [str(FOREIGN)]}, before)
    host.look(10)
    assert (host.heard, host.changes) == ({}, before + 1)


def test_a_rack_without_the_capability_says_so_once_in_its_log_and_in_its_report(host, warnings):
    host.tell(Told(interface="eth1", error="Operation not permitted"))
    assert host.report.not_listening == "eth1: Operation not permitted"
    host.tell(Told(interface="eth1", error="Operation not permitted"))
    host.look(600)
    (warning,) = warnings
    assert "are not heard: eth1: Operation not permitted; nothing else depends on it" in warning
    host.tell(Told(interface="eth1"))
    assert host.report.not_listening == ""


def test_an_interface_that_is_not_served_any_longer_is_no_hindrance(host):
    host.tell(Told(interface="eth2", error="No such device"))
    host.plan = PLAN[:1]
    host.look()
    assert host.report.not_listening == ""


def test_a_program_that_is_missing_or_ends_is_started_once_a_minute_and_told_of_once(
    host, warnings
):
    host.refusal = ProgramFailed("evenrack-dhcp-listen", "nothing answers", "systemctl enable it")
    host.ended("evenrack-dhcp-listen ended (bad)")
    assert host.report.not_listening == "evenrack-dhcp-listen ended (bad)"
    host.look(START_AGAIN_SECONDS * 10)
    assert 10 <= host.starts <= 11
    assert host.report.not_listening == str(host.refusal)
    assert len(warnings) == 2
    host.refusal = None
    host.look(START_AGAIN_SECONDS)
    assert host.report.not_listening == ""
    assert len(host.orders) == 2
    host.hear(FOREIGN)
    assert host.heard == {1: [str(FOREIGN)]}


def test_the_program_ends_with_the_rack():
    host = Host()
    host.watch.stopService()
    assert host.ends == 1


def test_who_serves_nothing_starts_nothing():
    host = Host()
    host.watch.stopService()
    host.plan = ()
    host.watch.startService()
    host.clock.advance(0)
    assert host.starts == 1
    assert evolve(host.report, vlans=()).not_listening == ""
    host.watch.stopService()
