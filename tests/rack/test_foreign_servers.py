"""Which other DHCP servers a rack remembers: a few of each VLAN, until they are silent."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_report import (
    MOST_FOREIGN_SERVERS,
    DhcpReport,
    ForeignServer,
    VlanReport,
    dhcp_report_from_json,
)
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import to_json
from evenrack.rack.foreign_servers import (
    LEAST_FORGET_SECONDS,
    MOST_IN_ALL,
    TELL_SECONDS,
    ForeignServers,
    Moment,
)

ONE, TWO = VlanId(1), VlanId(2)
A, B = IPv4Address("10.1.0.66"), IPv4Address("10.1.0.67")
MAC = "52:54:00:00:00:01"
START = 1_795_687_872


def at(seconds, clock_set_by=0):
    return Moment(steady=float(seconds), unix=START + int(seconds) + clock_set_by)


def server(address, *, mac=MAC, since=0, heard=0):
    return ForeignServer(address=address, mac=mac, since=START + since, heard=START + heard)


def test_a_server_is_told_at_once_and_when_it_was_last_heard_now_and_then():
    servers = ForeignServers(600.0)
    assert servers.hear(ONE, A, MAC, at(0))
    assert not servers.hear(ONE, A, MAC, at(TELL_SECONDS - 1))
    assert servers.of(ONE) == (server(A),)
    assert servers.hear(ONE, A, MAC, at(TELL_SECONDS))
    assert servers.of(ONE) == (server(A, heard=300),)
    assert servers.of(TWO) == ()


def test_a_mac_that_is_learnt_is_told_at_once_and_kept():
    servers = ForeignServers(600.0)
    assert servers.hear(ONE, A, None, at(0))
    assert servers.of(ONE)[0].mac is None
    assert servers.hear(ONE, A, MAC, at(1))
    assert not servers.hear(ONE, A, None, at(2))
    assert servers.of(ONE) == (server(A, heard=1),)


def test_a_mac_that_changes_all_the_time_is_no_reason_to_tell_all_the_time():
    servers = ForeignServers(600.0)
    news = [servers.hear(ONE, A, f"52:54:00:00:00:{it:02x}", at(it)) for it in range(100)]
    assert sum(news) == 1
    assert servers.hear(ONE, A, "52:54:00:00:00:ff", at(TELL_SECONDS))
    assert servers.of(ONE)[0].mac == "52:54:00:00:00:ff"


def test_who_is_not_heard_for_long_is_forgotten_and_who_was_heard_is_not():
    servers = ForeignServers(600.0)
    servers.hear(ONE, A, MAC, at(0))
    servers.hear(ONE, B, MAC, at(0))
    servers.hear(ONE, A, MAC, at(100))  # not worth telling, but it lives
    assert not servers.forget({ONE}, at(1499))
    assert servers.forget({ONE}, at(1500))
    assert [it.address for it in servers.of(ONE)] == [A]
    assert servers.forget({ONE}, at(1600))
    assert servers.of(ONE) == ()


def test_without_questions_a_server_counts_for_a_quarter_of_an_hour():
    servers = ForeignServers(0.0)
    servers.hear(ONE, A, MAC, at(0))
    assert not servers.forget({ONE}, at(LEAST_FORGET_SECONDS - 1))
    assert servers.forget({ONE}, at(LEAST_FORGET_SECONDS))


def test_a_vlan_that_is_no_longer_served_is_forgotten():
    servers = ForeignServers(600.0)
    servers.hear(ONE, A, MAC, at(0))
    servers.hear(TWO, A, MAC, at(0))
    assert servers.forget({TWO}, at(1))
    assert (servers.of(ONE), len(servers.of(TWO))) == ((), 1)


def test_who_makes_up_servers_does_not_fill_the_memory():
    servers = ForeignServers(600.0)
    news = [servers.hear(ONE, IPv4Address(number), None, at(0)) for number in range(1, 100)]
    assert sum(news) == len(servers.of(ONE)) == MOST_FOREIGN_SERVERS
    everywhere = range(2, 500)
    assert sum(servers.hear(VlanId(it), A, None, at(0)) for it in everywhere) == MOST_IN_ALL - 8
    servers.forget(everywhere, at(0))
    assert servers.hear(VlanId(499), A, None, at(0))


addresses = st.integers(1, 20).map(IPv4Address)
events = st.tuples(st.integers(0, 2000), addresses, st.none() | st.just(MAC), st.integers(-9, 9))


@given(st.lists(events, max_size=40))
def test_whatever_is_heard_and_however_the_clock_is_set_a_region_takes_the_report(heard):
    servers, now = ForeignServers(0.0), 0
    for seconds, address, mac, clock in heard:
        now += seconds
        servers.forget({ONE}, at(now, clock * 10_000))
        servers.hear(ONE, address, mac, at(now, clock * 10_000))
        side = VlanReport(vlan=ONE, number=FleetNumber(1, 5), role="alone", foreign=servers.of(ONE))
        report = DhcpReport(vlans=(side,))
        assert dhcp_report_from_json(to_json(report)) == report
