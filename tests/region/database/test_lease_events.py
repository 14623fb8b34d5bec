"""Events of new leases: in words that a terminal can be sent, and not for ever."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from attrs import evolve
from sqlalchemy import text

from evenrack.model.dhcp_lease import DhcpLease
from evenrack.model.identifiers import VlanId
from evenrack.model.new_leases import LeaseNews, VlanNews
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.inventory_store import create
from evenrack.region.database.lease_events import KEPT_EVENTS, events_of, record_new_leases
from tests.region.database.sessions import facts, joined, recorded

ONE = VlanId(1)
RACK = "rack0001"


def lease(last, **more):
    return DhcpLease(address=IPv4Address(f"10.1.0.{last}"), state="active", **more)


def told(*leases, more=0, elsewhere=0, vlan=ONE):
    vlans = (VlanNews(vlan=vlan, leases=leases, more=more),)
    return LeaseNews(vlans=vlans, elsewhere=elsewhere)


def words(news):
    return [event.text for event in events_of(news, {ONE: "vlan1"}, "rack1")]


def test_a_lease_is_told_with_all_that_is_known_of_its_client():
    news = told(lease(5, mac="52:54:00:12:34:56", hostname="node", vendor_class="d-i"))
    assert words(news) == [
        "vlan1: rack1 gave a new lease: 10.1.0.5 to 52:54:00:12:34:56 (node, d-i)"
    ]
    (event,) = events_of(news, {ONE: "vlan1"}, "rack1")
    assert (event.kind, event.object) == ("lease", "vlan:vlan1")
    assert event.data == {
        "rack": "rack1",
        "leases": [
            {
                "address": "10.1.0.5",
                "mac": "52:54:00:12:34:56",
                "duid": None,
                "iaid": None,
                "hostname": "node",
                "vendor_class": "d-i",
            }
        ],
        "more": 0,
    }


def test_a_lease_of_ipv6_is_told_by_the_duid_of_its_client_and_the_number_of_its_identity():
    duid = "00:03:00:01:52:54:00:12:34:56"
    lease = DhcpLease(address=IPv6Address("fd00:1::5"), mac=duid[-17:], duid=duid, iaid=7)
    news = told(lease, evolve(lease, iaid=None), evolve(lease, duid="\x1b[2J", mac=None))
    assert words(news) == [
        f"vlan1: rack1 gave 3 new leases: fd00:1::5 to DUID {duid} (IAID 7); "
        f"fd00:1::5 to DUID {duid}; fd00:1::5 to DUID \ufffd[2J (IAID 7)"
    ]
    (event,) = events_of(news, {ONE: "vlan1"}, "rack1")
    row = event.data["leases"][0]
    assert (row["mac"], row["duid"], row["iaid"]) == ("52:54:00:12:34:56", duid, 7)


def test_how_many_are_left_out_is_told():
    assert words(told(lease(5), lease(6, mac="m"), more=38, elsewhere=7)) == [
        "vlan1: rack1 gave 40 new leases: 10.1.0.5 to a client; 10.1.0.6 to m; and 38 more",
        "rack1 gave 7 new leases on other VLANs",
    ]


def test_a_vlan_that_is_not_there_any_more_is_not_told():
    assert words(told(lease(5), vlan=VlanId(2))) == []


def test_what_a_client_says_of_itself_harms_no_terminal_and_no_database():
    (said,) = words(told(lease(5, hostname="a\0b", vendor_class="\x1b[2J\n\ud800\u202eevil")))
    assert said == (
        "vlan1: rack1 gave a new lease: 10.1.0.5 to a client "
        "(a\ufffdb, \ufffd[2J\ufffd\ufffd\ufffdevil)"
    )


@pytest.fixture
def vlan(sessions):
    """A rack, and a VLAN: gives its id."""
    recorded(sessions, joined(sessions), facts(RACK, "link1"))
    sessions.run(lambda c: create(c, "vlan", {"name": "vlan1"}))
    (found,) = sessions.run(read_fleet).vlans
    return found


def events(sessions):
    return sessions.run(lambda c: read_events(c, after=None, limit=1_000, kind="lease"))


@pytest.mark.postgres
def test_an_event_is_written_for_each_vlan_whatever_the_client_sent(sessions, vlan):
    news = told(lease(5, hostname="a\0b"), vlan=vlan, elsewhere=1)
    sessions.run(lambda c: record_new_leases(c, RACK, news))
    sessions.run(lambda c: record_new_leases(c, "rack0009", news))
    gone = told(lease(5), vlan=VlanId(vlan + 1))
    sessions.run(lambda c: record_new_leases(c, RACK, gone))
    one, other = events(sessions)
    assert (one["object"], other["object"]) == ("vlan:vlan1", "dhcp")
    assert one["data"]["leases"][0]["hostname"] == "a\ufffdb"


@pytest.mark.postgres
def test_of_this_kind_the_newest_are_kept_and_no_other_event_is_lost(sessions, vlan):
    fill = text(
        "INSERT INTO event (kind, object, text, data, era, generation) "
        "SELECT 'lease', 'dhcp', number::text, '{}', 1, 1 FROM generate_series(1, :kept) AS number"
    )
    count = text("SELECT kind = 'lease', count(*) FROM event GROUP BY 1 ORDER BY 1")
    (before,) = sessions.run(lambda c: list(c.execute(count)))
    sessions.run(lambda c: c.execute(fill, {"kept": KEPT_EVENTS}))
    sessions.run(lambda c: record_new_leases(c, RACK, told(lease(5), vlan=vlan)))
    assert sessions.run(lambda c: list(c.execute(count))) == [before, (True, KEPT_EVENTS)]
    assert events(sessions)[-1]["object"] == "vlan:vlan1"
    oldest = text("SELECT text FROM event WHERE kind = 'lease' ORDER BY id LIMIT 1")
    assert sessions.run(lambda c: c.execute(oldest).scalar_one()) == "2"
