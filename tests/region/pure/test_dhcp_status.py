"""DHCP as operators see it: who is designated, who serves, and what each side says."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from evenrack.model.dhcp_report import DhcpReport, VlanError
from evenrack.model.identifiers import VlanId
from evenrack.model.partner_down import PartnerDown
from evenrack.region.dhcp_status import dhcp_status_of, is_pending
from tests.dhcp_fleet import dhcp_fleet, pair_of, rack_id, service_of, serving, waiting

ATTACHED = {1: (1, 2)}
PAIR = {1: (1, 2)}


def vlan_of(fleet):
    (vlan,) = dhcp_status_of(fleet)
    assert json.loads(json.dumps(vlan)) == vlan
    return vlan


def test_a_fleet_without_vlans_shows_none():
    assert dhcp_status_of(dhcp_fleet({}, away=(1,))) == []


def test_a_vlan_that_nobody_serves_shows_so():
    assert vlan_of(dhcp_fleet(ATTACHED, off=(1,))) == {
        "vlan": "vlan1",
        "dhcp_on": False,
        "primary_rack": None,
        "secondary_rack": None,
        "pinned": [],
        "pending": False,
        "partner_down": None,
        "generation": "1.5",
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
        "applied": "1.5",
        "waiting": False,
        "error": None,
    }
    assert (two["rack"], two["address"], two["role"]) == ("rack2", "10.1.0.2", "secondary")


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
    one, two = dhcp_status_of(evolve(fleet, dhcp_reports=reports))
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
