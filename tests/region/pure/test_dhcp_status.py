"""DHCP as operators see it: who is designated, who serves, and what each side says."""

import json
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.model.dhcp_probe import Probe
from evenrack.model.dhcp_report import (
    AddressCount,
    DhcpReport,
    ForeignServer,
    Ipv6Addresses,
    Ipv6Side,
    RelayedAddresses,
    VlanError,
)
from evenrack.model.identifiers import VlanId
from evenrack.model.partner_down import PartnerDown
from evenrack.region.views.dhcp_status import dhcp_status_of, is_pending
from tests.dhcp_fleet import (
    address_of,
    dhcp_fleet,
    pair_of,
    rack_id,
    service_of,
    serving,
    waiting,
    with_relays,
)

NOW = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
ATTACHED = {1: (1, 2)}
PAIR = {1: (1, 2)}


def vlan_of(fleet):
    (vlan,) = dhcp_status_of(fleet, NOW)
    assert json.loads(json.dumps(vlan)) == vlan
    return vlan


def test_a_fleet_without_vlans_shows_none():
    assert dhcp_status_of(dhcp_fleet({}, away=(1,)), NOW) == []


def test_a_vlan_that_nobody_serves_shows_so():
    assert vlan_of(dhcp_fleet(ATTACHED, off=(1,))) == {
        "vlan": "vlan1",
        "dhcp_on": False,
        "relay_vlan": None,
        "primary_rack": None,
        "secondary_rack": None,
        "pinned": [],
        "pending": False,
        "partner_down": None,
        "generation": "1.5",
        "ipv6_left": None,
        "sides": [],
    }


def test_a_pair_shows_both_sides_as_their_racks_tell_them():
    fleet = serving(dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR), 1, 2)
    vlan = vlan_of(fleet)
    assert (vlan["primary_rack"], vlan["secondary_rack"]) == ("rack1", "rack2")
    assert (vlan["dhcp_on"], vlan["pending"], vlan["generation"]) == (True, False, "1.5")
    one, two = vlan["sides"]
    assert one == {
        "rack": "rack1",
        "address": "10.1.0.1",
        "connected": True,
        "role": "primary",
        "state": "normal",
        "since": None,
        "age": 0.0,
        "free": None,
        "backup": None,
        "total": None,
        "applied": "1.5",
        "waiting": False,
        "error": None,
        "foreign": [],
        "not_listening": None,
        "evidence": [],
        "ipv6": None,
    }
    assert (two["rack"], two["address"], two["role"]) == ("rack2", "10.1.0.2", "secondary")


def test_rule_14_a_lost_side_shows_what_says_that_it_is_dead_and_what_is_missing():
    fleet = dhcp_fleet({1: (1, 2, 3)}, pairs=PAIR, services=PAIR, away=(1,))
    fleet = serving(fleet, 1, 2, state="communications-interrupted")
    asked = {"vlan": VlanId(1), "target": rack_id(1), "address": address_of(1, 1)}
    probe = Probe(asked=rack_id(2), found="silent", age=3.14, **asked)
    lost_at = {("RackLost", f"rack:{rack_id(1)}"): NOW - timedelta(seconds=90)}
    fleet = evolve(fleet, probes={VlanId(1): (probe,)}, open_problems=lost_at)
    one, two = vlan_of(fleet)["sides"]
    state = "communications-interrupted"
    no_third = "no third rack of the VLAN reaches rack2 and finds the host of rack1 silent"
    assert one["evidence"] == [
        {"what": "rack daemon", "by": None, "says": "lost", "age": 90.0},
        {"what": "failover state", "by": "rack2", "says": state, "age": 0.0},
        {"what": "host of rack1 (10.1.0.1)", "by": "rack2", "says": "silent", "age": 3.1},
        {"what": "missing", "by": None, "says": no_third, "age": None},
    ]
    assert two["evidence"] == []
    (one,) = vlan_of(evolve(fleet, services={VlanId(1): service_of(1, 1)}))["sides"]
    assert one["evidence"] == [], "in no pair"


def test_a_side_shows_since_when_it_is_so_and_how_many_addresses_are_left():
    fleet = serving(dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR), 1, 2)
    report = fleet.dhcp_report(rack_id(1))
    (side,) = report.vlans
    count = AddressCount(total=100, free=30, backup=20)
    since = int(datetime(2026, 11, 29, 4, 0, 7, tzinfo=UTC).timestamp())
    told = evolve(report, clock_ahead=7, vlans=(evolve(side, addresses=count, since=since),))
    one, two = vlan_of(evolve(fleet, dhcp_reports={rack_id(1): told}))["sides"]
    assert one["since"] == "2026-11-29T04:00:00.000Z", "as the database's clock shows"
    assert (one["free"], one["backup"], one["total"]) == (30, 20, 100)
    assert (two["since"], two["free"]) == (None, None)


def test_a_side_shows_which_foreign_servers_its_rack_hears_or_why_it_cannot():
    fleet = serving(dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR), 1, 2)
    report = fleet.dhcp_report(rack_id(1))
    (side,) = report.vlans
    since = int(datetime(2026, 11, 29, 4, 0, 7, tzinfo=UTC).timestamp())
    ours, foreign = (
        ForeignServer(address=IPv4Address(address), since=since, heard=since + 60)
        for address in ("10.1.0.2", "10.1.0.66")
    )
    told = evolve(report, clock_ahead=7, vlans=(evolve(side, foreign=(ours, foreign)),))
    deaf = evolve(fleet.dhcp_report(rack_id(2)), not_listening="eth0: no")
    fleet = evolve(fleet, dhcp_reports={rack_id(1): told, rack_id(2): deaf})
    one, two = vlan_of(fleet)["sides"]
    assert one["foreign"] == [
        {
            "address": "10.1.0.66",
            "mac": None,
            "since": "2026-11-29T04:00:00.000Z",
            "heard": "2026-11-29T04:01:00.000Z",
        }
    ]
    assert (one["not_listening"], two["foreign"], two["not_listening"]) == (None, [], "eth0: no")


def test_what_is_known_of_a_lost_rack_is_as_old_as_its_loss():
    fleet = serving(dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR, away=(1,)), 1, 2)
    lost, left = vlan_of(fleet)["sides"]
    assert (lost["age"], left["age"]) == (None, 0.0), "stopped in order, or not noted yet"
    at = NOW - timedelta(seconds=42)
    lost, left = vlan_of(evolve(fleet, open_problems={("RackLost", "rack:rack0001"): at}))["sides"]
    assert (lost["age"], left["age"]) == (42.0, 0.0)


def test_a_lost_primary_stays_in_the_files_while_the_designation_moves():
    fleet = serving(dhcp_fleet(ATTACHED, pairs={1: (2, 1)}, services=PAIR, away=(1,)), 1, 2)
    vlan = vlan_of(fleet)
    assert (vlan["primary_rack"], vlan["secondary_rack"], vlan["pending"]) == (
        "rack2",
        "rack1",
        True,
    )
    lost, left = vlan["sides"]
    assert (lost["connected"], lost["role"], lost["state"]) == (False, "primary", "normal")
    assert (left["connected"], left["role"]) == (True, "secondary")


def test_a_side_that_serves_nothing_yet_is_down_and_shows_what_it_waits_for_and_its_error():
    fleet = waiting(dhcp_fleet(ATTACHED, pairs={1: (1,)}, services={1: (1,)}), 1)
    errors = (
        VlanError(vlan=VlanId(2), error="another"),
        VlanError(vlan=VlanId(1), error="overlap"),
    )
    report = evolve(fleet.dhcp_reports[rack_id(1)], errors=errors)
    (side,) = vlan_of(evolve(fleet, dhcp_reports={rack_id(1): report}))["sides"]
    assert (side["role"], side["state"], side["applied"]) == (None, "down", None)
    assert (side["waiting"], side["error"]) == (True, "overlap")


def test_a_side_that_serves_other_vlans_only_is_down_here():
    fleet = dhcp_fleet({1: (1, 2), 2: (1, 2)}, services={1: (1,), 2: (1,)})
    reports = {
        rack: evolve(report, vlans=report.vlans[1:])
        for rack, report in serving(fleet, 1).dhcp_reports.items()
    }
    one, two = dhcp_status_of(evolve(fleet, dhcp_reports=reports), NOW)
    assert (one["sides"][0]["state"], two["sides"][0]["state"]) == ("down", "alone")


def test_a_rack_that_nobody_knows_any_more_is_named_by_its_id():
    fleet = dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR)
    vlan = vlan_of(evolve(fleet, racks={}, links=(), dhcp_reports={rack_id(1): DhcpReport()}))
    assert (vlan["primary_rack"], vlan["secondary_rack"]) == ("rack0001", "rack0002")


@pytest.mark.parametrize(
    ("pair", "service", "pending"),
    [
        (None, None, False),
        (pair_of(1), None, True),
        (None, service_of(1, 1), True),
        (pair_of(1), service_of(1, 1), False),
        (pair_of(1, 2), service_of(1, 1), True),
        (pair_of(1, 2), service_of(1, 2, 1), True),
        (pair_of(1, 2), service_of(1, 1, 2), False),
    ],
)
def test_a_designation_is_pending_until_the_files_say_the_same(pair, service, pending):
    assert is_pending(pair, service) is pending


@pytest.mark.parametrize("taken", [False, True])
def test_m16_the_word_that_a_server_is_dead_is_shown(taken):
    at = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
    moments = {"taken_at": at, "usable_at": at + timedelta(hours=1)} if taken else {}
    word = PartnerDown(
        vlan=VlanId(1), survivor=rack_id(2), dead=rack_id(1), who="anna", at=at, **moments
    )
    fleet = serving(dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR, away=(1,)), 1, 2)
    assert vlan_of(evolve(fleet, partner_downs={VlanId(1): word}))["partner_down"] == {
        "survivor": "rack2",
        "dead": "rack1",
        "who": "anna",
        "at": "2026-11-29T03:00:00.000Z",
        "taken_at": "2026-11-29T03:00:00.000Z" if taken else None,
        "usable_at": "2026-11-29T04:00:00.000Z" if taken else None,
        "refused": None,
    }


def relayed(**more):
    """Racks 1 and 2 serve vlan1, which relays vlan2."""
    fleet = dhcp_fleet({1: (1, 2), 2: (3,)}, pairs=PAIR, services=PAIR)
    return with_relays(fleet, {2: 1}, **more)


def test_a_relayed_vlan_shows_the_pair_of_the_one_that_relays_it():
    here, far = dhcp_status_of(serving(relayed(), 1, 2), NOW)
    assert (here["relay_vlan"], far["relay_vlan"]) == (None, "vlan1")
    own = {"vlan": "vlan1", "relay_vlan": None}
    assert {**far, **own} == here
    assert [side["state"] for side in far["sides"]] == ["normal", "normal"]


def test_the_free_addresses_of_a_relayed_vlan_are_its_own():
    fleet = serving(relayed(), 1, 2)
    told = fleet.dhcp_reports[rack_id(1)]
    left = RelayedAddresses(vlan=VlanId(2), addresses=AddressCount(total=50, free=20, backup=10))
    sides = tuple(
        evolve(it, addresses=AddressCount(total=100, free=100), relayed_addresses=(left,))
        for it in told.vlans
    )
    reports = {**fleet.dhcp_reports, rack_id(1): evolve(told, vlans=sides)}
    here, far = dhcp_status_of(evolve(fleet, dhcp_reports=reports), NOW)
    numbers = [[side[key] for key in ("free", "backup", "total")] for side in far["sides"]]
    assert numbers == [[20, 10, 50], [None, None, None]]
    assert here["sides"][0]["free"] == 100


def test_a_server_of_the_pair_that_does_not_serve_the_relayed_vlan_yet_is_down_for_it():
    told = serving(relayed(relayed={}), 1, 2)
    _, far = dhcp_status_of(with_relays(told, {2: 1}), NOW)
    assert [side["state"] for side in far["sides"]] == ["down", "down"]


def test_a_vlan_that_is_to_be_relayed_is_pending_until_it_stands_in_the_files():
    _, far = dhcp_status_of(serving(relayed(relayed={}), 1, 2), NOW)
    assert (far["pending"], far["sides"], far["primary_rack"]) == (True, [], "rack1")


def test_a_vlan_that_is_to_be_relayed_shows_its_own_racks_while_they_serve_it():
    fleet = dhcp_fleet({1: (1, 2), 2: (3,)}, pairs=PAIR, services=PAIR | {2: (3,)})
    _, far = dhcp_status_of(serving(with_relays(fleet, {2: 1}, relayed={}), 1, 2, 3), NOW)
    assert (far["pending"], [side["rack"] for side in far["sides"]]) == (True, ["rack3"])


def test_m11_a_side_shows_how_it_serves_ipv6_where_there_is_some():
    fleet = serving(dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR), 1, 2)
    assert [side["ipv6"] for side in vlan_of(fleet)["sides"]] == [None, None]
    report = fleet.dhcp_reports[rack_id(1)]
    ipv6 = Ipv6Side(half="lower", held=True, error="eth1: no")
    side = evolve(report.vlans[0], ipv6=ipv6)
    reports = {**fleet.dhcp_reports, rack_id(1): evolve(report, vlans=(side,))}
    shown = vlan_of(evolve(fleet, dhcp_reports=reports))["sides"][0]["ipv6"]
    assert shown == {
        "half": "lower",
        "held": True,
        "free": None,
        "total": None,
        "running": False,
        "applied": None,
        "error": "eth1: no",
    }
    reports[rack_id(1)] = evolve(
        report, vlans=(evolve(side, ipv6=evolve(ipv6, applied=side.number, error="")),)
    )
    shown = vlan_of(evolve(fleet, dhcp_reports=reports))["sides"][0]["ipv6"]
    assert (shown["applied"], shown["error"]) == ("1.5", None)


def test_m11_a_side_shows_how_much_of_its_half_is_free_and_the_vlan_what_all_give_away():
    fleet = serving(dhcp_fleet(ATTACHED, pairs=PAIR, services=PAIR), 1, 2)
    half = 2**63
    reports = dict(fleet.dhcp_reports)
    for number, (name, taken) in enumerate((("lower", 1), ("upper", 2)), start=1):
        report = reports[rack_id(number)]
        left = Ipv6Addresses(vlan=VlanId(1), total=half, free=half - taken)
        ipv6 = Ipv6Side(half=name, running=True, addresses=(left,))
        side = evolve(report.vlans[0], ipv6=ipv6)
        reports[rack_id(number)] = evolve(report, vlans=(side,))
    vlan = vlan_of(evolve(fleet, dhcp_reports=reports))
    told = [(side["ipv6"]["free"], side["ipv6"]["total"]) for side in vlan["sides"]]
    assert told == [(half - 1, half), (half - 2, half)]
    assert vlan["ipv6_left"] == {"free": 2**64 - 3, "total": 2**64}
