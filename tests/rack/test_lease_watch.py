"""What a rack says of the addresses that are left: soon when it matters, else once a minute."""

from ipaddress import IPv4Address
from time import process_time, thread_time

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.dhcp_report import AddressCount, DhcpReport, Ipv6Side, RelayedAddresses
from evenrack.model.identifiers import VlanId
from evenrack.rack.lease_watch import LOOK_SECONDS, TELL_SECONDS, LeaseWatch, is_news
from evenrack.runtime.thinking import think_beside
from tests.dhcp_fleet import dhcp_fleet, rack_id, serving, with_relays
from tests.no_dhcp import think_here
from tests.rack.dhcp.golden_plans6 import subnet6

ONE = VlanId(1)
PAIR = serving(dhcp_fleet({1: (1, 2)}, services={1: (1, 2)}), 1)
ALONE = serving(dhcp_fleet({1: (1,)}, services={1: (1,)}), 1)
ENTRY = """lease %s {
  starts 4 2026/11/26 10:11:12;
  ends 4 2026/11/26 10:21:12;
  cltt 4 2026/11/26 10:11:12;
  binding state %s;
  next binding state free;
  rewind binding state free;
  hardware ethernet 52:54:00:12:34:56;
  uid "\\001RT\\000\\0224V";
  client-hostname "node";
}
"""
ENTRY6 = """ia-na "\\001\\000\\000\\000\\000\\003client %d" {
  cltt 4 2026/11/26 10:11:12;
  iaaddr %s {
    binding state %s;
    preferred-life 375;
    max-life 600;
    ends 4 2026/11/26 10:21:12;
  }
}

"""
MANY = 20_000


def with_range_until(plan, last):
    """The plan of one VLAN with another end of its range."""
    (service,) = plan
    (subnet,) = service.vlan.subnets
    (span,) = subnet.ranges
    longer = evolve(subnet, ranges=(evolve(span, last=last),))
    return (evolve(service, vlan=evolve(service.vlan, subnets=(longer,))),)


def with_ipv6(plan, *spans, half="lower", relayed=()):
    """The plan of one VLAN with these IPv6 ranges, of which this rack has a half."""
    (service,) = plan
    vlan = evolve(service.vlan, subnets6=(subnet6(1, *spans),), relayed=relayed)
    return (evolve(service, vlan=vlan, half=half),)


class Watching:
    """One rack's watch over a file of leases that a test writes."""

    def __init__(self, folder, fleet=PAIR, think=think_here):
        self.file, self.file6 = folder / "dhcpd.leases", folder / "dhcpd6.leases"
        self.file.touch()
        self.file6.touch()
        self.clock = Clock()
        self.plan = dhcp_plan_for(fleet, rack_id(1))
        self.fleet, self.told = fleet, []
        self.news, self.is_heard = [], True
        self.watch = LeaseWatch(
            (self.file, self.file6), lambda: self.plan, self._hear, think, self.clock
        )
        self.watch.on_change = lambda: self.told.append(self.said())
        self.watch.startService()

    async def _hear(self, news):
        self.news.append(news)
        return self.is_heard

    def heard(self):
        """How many new leases of each VLAN it told, named and not."""
        told = [[(len(v.leases), v.more) for v in news.vlans] for news in self.news]
        self.news.clear()
        return told

    def said(self):
        """What the rack's next report says of its first VLAN."""
        report = self.watch.added_to(self.fleet.dhcp_report(rack_id(1)))
        return report.vlans[0].addresses

    def said6(self, half="lower"):
        """The same of IPv6, for the VLANs that it names."""
        report = self.fleet.dhcp_report(rack_id(1))
        (side,) = report.vlans
        report = evolve(report, vlans=(evolve(side, ipv6=Ipv6Side(half=half)),))
        told = self.watch.added_to(report).vlans[0].ipv6.addresses
        return {it.vlan: (it.free, it.total) for it in told}

    def write6(self, state, *numbers):
        """Let the clients of these numbers have the addresses of these numbers, or no more."""
        with self.file6.open("a") as file:
            file.write("".join(ENTRY6 % (it, f"fd00:1::{it:x}", state) for it in numbers))

    def write(self, state, *last_numbers):
        with self.file.open("a") as file:
            file.write("".join(ENTRY % (f"10.1.0.{it}", state) for it in last_numbers))

    def wait(self, seconds=LOOK_SECONDS):
        for _ in range(round(seconds)):
            self.clock.advance(1)


@pytest.fixture
def watching(tmp_path):
    return Watching(tmp_path)


def test_what_is_left_is_told_with_what_is_served(watching):
    watching.wait(0)
    assert watching.told == []  # nothing yet: the first look is the reactor's next turn
    watching.clock.advance(0)
    assert watching.told == [AddressCount(total=100, free=100)]


def test_little_changes_are_told_once_a_minute(watching):
    watching.wait(1)
    for last in range(100, 130):
        watching.write("active", last)
        watching.wait(10)
    assert len(watching.told) == 1 + 300 // TELL_SECONDS
    assert watching.said() == AddressCount(total=100, free=70)


def test_that_few_or_none_are_left_is_told_at_the_next_look(watching):
    watching.wait(1)
    for last in (range(100, 190), range(190, 195), range(195, 200)):
        watching.write("active", *last)
        watching.wait()
    assert [count.free for count in watching.told] == [100, 10, 5, 0]


def test_that_one_half_is_used_up_is_told_at_the_next_look(watching):
    watching.write("backup", *range(150, 200))
    watching.wait(1)
    watching.write("active", *range(100, 150))
    watching.wait()
    assert watching.told[-1] == AddressCount(total=100, free=0, backup=50)


def test_another_plan_is_counted_anew_at_once(watching):
    watching.write("active", *range(100, 200))
    watching.wait(1)
    watching.plan = with_range_until(watching.plan, IPv4Address("10.1.0.249"))
    watching.watch.trigger()
    watching.clock.advance(0)
    assert watching.said() == AddressCount(total=150, free=50)
    watching.plan = ()
    watching.watch.trigger()
    watching.clock.advance(0)
    assert watching.said() is None


def test_who_serves_alone_gives_away_what_was_the_secondarys(tmp_path):
    watching = Watching(tmp_path, ALONE)
    watching.write("backup", *range(150, 200))
    watching.wait(1)
    assert watching.said() == AddressCount(total=100, free=100)


@pytest.mark.parametrize("racks", [(1, 2), (1,)])
def test_what_is_left_of_a_relayed_vlan_is_told_with_the_one_that_relays_it(tmp_path, racks):
    """Whoever serves alone gives away what was the secondary's there, too."""
    fleet = with_relays(dhcp_fleet({1: (1, 2), 2: ()}, services={1: racks}), {2: 1})
    watching = Watching(tmp_path, serving(fleet, *racks))
    with watching.file.open("a") as file:
        file.write("".join(ENTRY % (f"10.2.0.{it}", "active") for it in range(100, 140)))
        file.write("".join(ENTRY % (f"10.2.0.{it}", "backup") for it in range(140, 150)))
    watching.wait(1)
    free, backup = (50, 10) if len(racks) > 1 else (60, 0)
    left = AddressCount(total=100, free=free, backup=backup)
    (side,) = watching.watch.added_to(watching.fleet.dhcp_report(rack_id(1))).vlans
    assert side.relayed_addresses == (RelayedAddresses(vlan=VlanId(2), addresses=left),)
    assert side.addresses == AddressCount(total=100, free=100)
    assert [side.addresses_of(vlan) for vlan in (1, 2, 3)] == [side.addresses, left, None]


def test_since_when_a_pair_is_in_its_state_is_told_at_once_and_of_this_state_only(watching):
    watching.wait(1)
    with watching.file.open("a") as file:
        file.write(
            'failover peer "failover-vlan-1" state {\n'
            "  my state normal at 4 2026/11/26 10:11:12;\n}\n"
        )
    watching.wait()
    assert len(watching.told) == 2
    report = PAIR.dhcp_report(rack_id(1))
    (side,) = watching.watch.added_to(report).vlans
    assert side.since == 1_795_687_872
    (side,) = report.vlans
    elsewhere = evolve(report, vlans=(evolve(side, state="partner-down"),))
    assert watching.watch.added_to(elsewhere).vlans[0].since is None


def test_new_leases_are_told_once_and_together(watching):
    watching.write("active", 100)
    watching.wait()
    assert watching.heard() == []
    watching.write("active", 101, 102)
    watching.wait()
    assert watching.heard() == [[(2, 0)]]
    watching.write("active", 100, 101)
    watching.wait(60)
    assert watching.heard() == []


def test_a_storm_of_new_clients_is_told_in_ten_seconds_in_one_piece(watching):
    watching.wait(1)
    for first in range(100, 200, 5):
        watching.write("active", *range(first, first + 5))
        watching.watch.trigger()  # as when its state changes all the time
        watching.wait(1)
    assert watching.heard() == [[(5, 0)], [(10, 40)]]
    watching.wait(10)
    assert watching.heard() == [[(10, 35)]]


def test_what_nobody_took_is_told_again_with_what_came_meanwhile(watching):
    watching.wait(1)
    watching.is_heard = False
    watching.write("active", 100)
    watching.wait(20)
    watching.write("active", 101)
    watching.is_heard = True
    watching.wait(10)
    assert watching.heard() == [[(1, 0)], [(1, 0)], [(2, 0)]]
    watching.wait(60)
    assert watching.heard() == []


def test_new_leases_are_told_also_when_the_file_was_written_anew_meanwhile(watching):
    watching.write("active", 100)
    watching.wait(1)
    before, text = watching.file, watching.file.read_text()
    watching.write("active", 101)
    other = before.with_suffix(".new")
    other.write_text(text + ENTRY % ("10.1.0.101", "active"))
    other.rename(before)
    watching.wait()
    assert watching.heard() == [[(1, 0)]]


def test_a_file_that_is_not_there_or_cannot_be_read_says_nothing(watching, logged):
    watching.wait(1)
    watching.file.unlink()
    watching.wait()
    assert watching.said() is None
    watching.file.mkdir()
    watching.wait(30)
    assert watching.said() is None
    (told,) = [line for line in logged() if "addresses are not counted" in line]
    assert "Is a directory" in told


def test_a_vlan_of_which_nothing_is_known_is_reported_as_it_is(watching):
    report = DhcpReport(applied="a")
    assert watching.watch.added_to(report) == report


def test_what_is_left_of_the_half_of_each_ipv6_range_is_told_with_what_is_served(watching):
    watching.plan = with_ipv6(watching.plan, ("100", "1ff"), ("1000", "ffff:ffff:ffff:ffff"))
    watching.write6("active", 0x100, 0x101, 0x180)
    watching.wait(1)
    lower = 0x80 + (2**64 - 0x1000) // 2
    assert watching.said6() == {ONE: (lower - 2, lower)}
    assert watching.said() == AddressCount(total=100, free=100)
    watching.plan = with_ipv6(watching.plan, ("100", "1ff"), half="upper")
    watching.watch.trigger()
    watching.clock.advance(0)
    assert watching.said6() == {ONE: (127, 128)}
    assert len(watching.told) == 2


def test_that_few_or_none_are_left_of_a_half_is_told_at_the_next_look(watching):
    watching.plan = with_ipv6(watching.plan, ("100", "1c7"))
    told = []
    watching.watch.on_change = lambda: told.append(watching.said6()[ONE][0])
    watching.wait(1)
    for numbers in (range(50), range(50, 90), range(90, 95), range(95, 100)):
        watching.write6("active", *(0x100 + it for it in numbers))
        watching.wait()
    assert told == [100, 10, 5, 0]
    watching.write6("released", *(0x100 + it for it in range(3)))
    watching.wait(60)
    assert told == [100, 10, 5, 0, 3]


def test_ipv6_addresses_of_a_relayed_vlan_are_told_with_the_one_that_relays_it(tmp_path):
    fleet = with_relays(dhcp_fleet({1: (1, 2), 2: ()}, services={1: (1, 2)}), {2: 1})
    watching = Watching(tmp_path, serving(fleet, 1, 2))
    (far,) = watching.plan[0].vlan.relayed
    far = evolve(far, subnets6=(subnet6(2, ("0", "7")),))
    watching.plan = with_ipv6(watching.plan, ("0", "f"), relayed=(far,))
    watching.wait(1)
    assert watching.said6() == {ONE: (8, 8), VlanId(2): (4, 4)}


def test_a_server_for_ipv6_that_was_never_started_and_a_vlan_without_ipv6_are_not_counted(
    watching, logged
):
    watching.file6.unlink()
    watching.wait(1)
    assert watching.said6() == {}
    watching.plan = with_ipv6(watching.plan, ("100", "1ff"))
    watching.wait()
    assert (watching.said6(), watching.said()) == ({}, AddressCount(total=100, free=100))
    watching.file6.mkdir()
    watching.wait()
    assert watching.said6() == {}
    assert any("addresses are not counted" in line for line in logged())


def test_new_leases_of_ipv6_are_told_once_and_with_those_of_ipv4(watching):
    watching.plan = with_ipv6(watching.plan, ("100", "1ff"), half="whole")
    watching.write6("active", 0x100)
    watching.wait()
    assert watching.news == []
    watching.write6("active", 0x100, 0x101)
    watching.write("active", 101)
    watching.wait()
    (news,) = watching.news
    (vlan,) = news.vlans
    four, six = vlan.leases
    assert (str(four.address), four.iaid) == ("10.1.0.101", None)
    assert (str(six.address), six.iaid, six.state) == ("fd00:1::101", 1, "active")
    assert six.duid == (b"\0\3client 257").hex(":")
    watching.news.clear()
    watching.write6("active", 0x101)
    watching.wait(60)
    assert watching.news == []


counts = st.builds(
    lambda free, backup: {ONE: AddressCount(total=100, free=free, backup=backup)},
    st.integers(0, 50),
    st.integers(0, 50),
)


@given(told=counts, now=counts, seconds=st.floats(0, 2 * TELL_SECONDS))
def test_what_was_told_is_no_news_and_what_is_other_is_within_a_minute(told, now, seconds):
    assert not is_news(told, told, seconds)
    assert is_news(told, now, TELL_SECONDS) == (told != now)
    if now[ONE] == AddressCount(total=100, free=0) != told[ONE]:
        assert is_news(told, now, seconds)


@pytest.mark.deadline(120)
async def test_the_reactors_thread_does_none_of_the_reading_of_very_many_leases(tmp_path):
    watching = Watching(tmp_path, think=think_beside(reactor))
    first = IPv4Address("10.1.0.100")
    watching.plan = with_range_until(watching.plan, first + MANY)
    watching.file.write_text("".join(ENTRY % (first + it, "active") for it in range(MANY)))
    told = Deferred()
    watching.watch.on_change = lambda: told.callback(watching.said())
    # by what each did, not by who waited: a busy machine lets a thread wait for the processor
    here, everywhere = thread_time(), process_time()
    watching.clock.advance(0)
    assert await told == AddressCount(total=MANY + 1, free=1)
    assert thread_time() - here < (process_time() - everywhere) / 4
    watching.watch.stopService()
