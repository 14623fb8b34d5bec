"""Designations and services of VLANs: as written, so read, and newer plans where they matter."""

import pytest
from attrs import evolve

from evenrack.model.dhcp_roles import Pair
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.database.dhcp_store import (
    read_pairs,
    read_services,
    record_report,
    touch_servers,
    write_met,
    write_pairs,
    write_services,
    write_turns,
)
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.inventory_store import remove
from tests.region.database.dhcp.dhcp_rows import NEW, OLD, ONE, REPORT, THREE, TWO, service, vlans

pytestmark = pytest.mark.postgres


def numbers(sessions):
    """The number of each rack's assignment."""
    return {rack: it.number for rack, it in sessions.run(read_fleet).managing.items()}


# Designations


def test_designations_are_read_as_they_were_written(fleet):
    one, two = vlans(fleet)
    assert fleet.run(read_pairs) == {}
    written = {one: Pair(primary=ONE, secondary=TWO), two: Pair(primary=THREE)}
    fleet.run(lambda c: write_pairs(c, written, OLD))
    assert fleet.run(read_pairs) == {
        one: Pair(primary=ONE, secondary=TWO, number=OLD),
        two: Pair(primary=THREE, number=OLD),
    }


def test_a_new_designation_replaces_the_one_before_and_nobody_removes_it(fleet):
    one, two = vlans(fleet)
    both = Pair(primary=ONE, secondary=TWO)
    fleet.run(lambda c: write_pairs(c, {one: both, two: both}, OLD))
    fleet.run(lambda c: write_pairs(c, {one: Pair(primary=TWO), two: None}, NEW))
    assert fleet.run(read_pairs) == {one: Pair(primary=TWO, number=NEW)}
    fleet.run(lambda c: write_pairs(c, {two: None}, NEW))
    assert list(fleet.run(read_pairs)) == [one]


def test_a_vlan_that_was_deleted_meanwhile_is_neither_designated_nor_served(fleet):
    one, _ = vlans(fleet)
    fleet.run(lambda c: write_pairs(c, {one: Pair(primary=ONE)}, OLD))
    fleet.run(lambda c: write_services(c, {one: service(ONE)}, OLD))
    fleet.run(lambda c: remove(c, "vlan", "vlan1"))
    assert (fleet.run(read_pairs), fleet.run(read_services)) == ({}, {})
    fleet.run(lambda c: write_pairs(c, {one: Pair(primary=ONE)}, NEW))
    fleet.run(lambda c: write_services(c, {one: service(ONE)}, NEW))
    assert (fleet.run(read_pairs), fleet.run(read_services)) == ({}, {})


# Services


def test_services_are_read_as_they_were_written(fleet):
    one, two = vlans(fleet)
    assert fleet.run(read_services) == {}
    pair, alone = service(ONE, TWO), service(THREE, place=2)
    fleet.run(lambda c: write_services(c, {one: pair, two: alone}, NEW))
    read = fleet.run(read_services)
    assert {vlan: it.servers for vlan, it in read.items()} == {
        one: pair.servers,
        two: alone.servers,
    }
    assert {it.number for it in read.values()} == {NEW}


def test_that_two_servers_have_met_is_noted_without_a_newer_plan(fleet):
    one, two = vlans(fleet)
    pair = evolve(service(ONE, TWO), met=False)
    fleet.run(lambda c: write_services(c, {one: pair, two: pair}, NEW))
    assert [fleet.run(read_services)[vlan].met for vlan in (one, two)] == [False, False]
    before = numbers(fleet)
    fleet.run(lambda c: write_met(c, [one]))
    assert [fleet.run(read_services)[vlan].met for vlan in (one, two)] == [True, False]
    assert numbers(fleet) == before
    fleet.run(lambda c: write_services(c, {one: pair}, NEW))
    assert not fleet.run(read_services)[one].met, "another pair has not"


def test_every_rack_that_gets_a_vlan_gets_a_newer_plan_and_no_other(fleet):
    one, _ = vlans(fleet)
    fleet.run(lambda c: write_services(c, {one: service(ONE, TWO)}, NEW))
    assert numbers(fleet) == {ONE: NEW, TWO: NEW, THREE: OLD}


def test_a_rack_that_loses_a_vlan_gets_a_newer_plan_too(fleet):
    one, _ = vlans(fleet)
    fleet.run(lambda c: write_services(c, {one: service(ONE, TWO)}, OLD))
    fleet.run(lambda c: write_services(c, {one: service(THREE)}, NEW))
    assert numbers(fleet) == {ONE: NEW, TWO: NEW, THREE: NEW}
    assert fleet.run(read_services)[one].servers == service(THREE).servers
    newest = FleetNumber(2, 0)
    fleet.run(lambda c: write_services(c, {one: None}, newest))
    assert numbers(fleet) == {ONE: NEW, TWO: NEW, THREE: newest}
    assert fleet.run(read_services) == {}


def test_touching_gives_both_racks_of_a_vlan_a_newer_plan_and_the_vlan_a_newer_number(fleet):
    one, two = vlans(fleet)
    services = {one: service(ONE, TWO), two: service(THREE, place=2)}
    fleet.run(lambda c: write_services(c, services, OLD))
    fleet.run(lambda c: touch_servers(c, one, NEW))
    assert numbers(fleet) == {ONE: NEW, TWO: NEW, THREE: OLD}
    read = fleet.run(read_services)
    assert (read[one].number, read[two].number) == (NEW, OLD)
    fleet.run(lambda c: touch_servers(c, two, NEW))
    assert numbers(fleet)[THREE] == NEW


def test_touching_a_vlan_that_nobody_serves_or_that_is_gone_touches_nobody(fleet):
    one, _ = vlans(fleet)
    fleet.run(lambda c: touch_servers(c, one, NEW))
    fleet.run(lambda c: touch_servers(c, 999, NEW))
    assert set(numbers(fleet).values()) == {OLD}


def test_a_rack_that_nobody_manages_can_be_put_into_a_service(fleet):
    one, _ = vlans(fleet)
    fleet.change("DELETE FROM managing WHERE rack_id = :rack", rack=TWO)
    fleet.run(lambda c: write_services(c, {one: service(ONE, TWO)}, NEW))
    assert numbers(fleet) == {ONE: NEW, THREE: OLD}


# Turns


def test_the_fleet_is_read_with_all_of_it(fleet):
    one, _ = vlans(fleet)
    fleet.run(lambda c: record_report(c, ONE, REPORT))
    fleet.run(lambda c: write_turns(c, {ONE: "plan2"}, ()))
    fleet.run(lambda c: write_pairs(c, {one: Pair(primary=ONE)}, NEW))
    fleet.run(lambda c: write_services(c, {one: service(ONE)}, NEW))
    read = fleet.run(read_fleet)
    assert read.pairs == {one: Pair(primary=ONE, number=NEW)}
    assert read.services[one].racks == (ONE,)
    assert (read.dhcp_reports, read.turns) == ({ONE: REPORT}, {ONE: "plan2"})
