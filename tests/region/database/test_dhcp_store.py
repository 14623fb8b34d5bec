"""Designations, services, reports, interfaces and turns: as written, so read, and told when new."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from evenrack.balance.dhcp_swaps import FOLLOW_SECONDS
from evenrack.model.dhcp_report import DhcpReport, VlanError, VlanReport
from evenrack.model.dhcp_roles import Pair, Server, Service, Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.interface_list import Interface
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.dhcp_store import (
    read_granted,
    read_interfaces,
    read_open_turns,
    read_pairs,
    read_rack_interfaces,
    read_reports,
    read_services,
    read_turns,
    record_interfaces,
    record_report,
    touch_servers,
    write_met,
    write_pairs,
    write_services,
    write_turns,
)
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.database.inventory_store import create, remove
from tests.region.database.sessions import facts, heard, joined, recorded
from tests.strategies_reports import dhcp_reports

pytestmark = pytest.mark.postgres

ONE, TWO, THREE = "rack0001", "rack0002", "rack0003"
UNKNOWN = "rack0009"
OLD, NEW = FleetNumber(1, 2), FleetNumber(1, 7)
REPORT = DhcpReport(applied="plan1", waiting="plan2", running=True)


@pytest.fixture
def fleet(sessions):
    """One process that manages three racks, and two VLANs; gives the sessions and VLAN ids."""
    me = joined(sessions)
    recorded(sessions, me, *(facts(rack, f"link-{rack}") for rack in (ONE, TWO, THREE)))
    managed = dict.fromkeys((ONE, TWO, THREE), me.process)
    sessions.run(lambda c: write_managing(c, managed, OLD))
    for number in (1, 2):
        vlan = {"name": f"vlan{number}", "dhcp_on": True}
        cidr = IPv4Network(f"10.{number}.0.0/24")
        sessions.run(lambda c, vlan=vlan: create(c, "vlan", vlan))
        sessions.run(
            lambda c, cidr=cidr, vlan=vlan: create(c, "subnet", {"cidr": cidr}, inside=vlan["name"])
        )
    return sessions


def vlans(sessions):
    return list(sessions.run(read_fleet).vlans)


def service(primary, secondary=None, *, place=1):
    def server(rack):
        return Server(rack=rack, address=IPv4Address(f"10.{place}.0.{rack[-1]}"))

    return Service(
        primary=server(primary), secondary=None if secondary is None else server(secondary)
    )


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


# Interfaces


def interfaces(**addresses):
    return tuple(Interface(name=n, address=IPv4Interface(a)) for n, a in addresses.items())


def test_the_interfaces_of_one_rack_have_their_names_and_an_order(fleet):
    told = (*interfaces(eth1="10.1.0.2/24", eth0="10.0.0.2/24"), *interfaces(eth1="10.1.0.10/24"))
    fleet.run(lambda c: record_interfaces(c, ONE, told))
    found = fleet.run(lambda c: read_rack_interfaces(c, ONE))
    assert [(each.name, str(each.address)) for each in found] == [
        ("eth0", "10.0.0.2/24"),
        ("eth1", "10.1.0.2/24"),
        ("eth1", "10.1.0.10/24"),
    ]
    assert fleet.run(lambda c: read_rack_interfaces(c, UNKNOWN)) == ()


def test_interfaces_are_read_as_they_were_told_and_attach_racks_to_vlans(fleet):
    one, two = vlans(fleet)
    told = interfaces(eth0="192.0.2.7/24", eth1="10.1.0.1/24")
    fleet.run(lambda c: record_interfaces(c, ONE, told))
    fleet.run(lambda c: record_interfaces(c, TWO, interfaces(eth0="10.2.0.2/24")))
    assert fleet.run(read_interfaces) == {
        ONE: (IPv4Interface("192.0.2.7/24"), IPv4Interface("10.1.0.1/24")),
        TWO: (IPv4Interface("10.2.0.2/24"),),
    }
    assert fleet.run(read_fleet).attached == {
        one: {ONE: IPv4Address("10.1.0.1")},
        two: {TWO: IPv4Address("10.2.0.2")},
    }
    assert fleet.rows("SELECT name, address FROM rack_interface ORDER BY rack_id, name") == [
        ("eth0", "192.0.2.7/24"),
        ("eth1", "10.1.0.1/24"),
        ("eth0", "10.2.0.2/24"),
    ]


def test_new_interfaces_replace_the_old_ones_of_this_rack_and_of_no_other(fleet):
    fleet.run(lambda c: record_interfaces(c, ONE, interfaces(eth0="10.1.0.1/24")))
    fleet.run(lambda c: record_interfaces(c, TWO, interfaces(eth0="10.1.0.2/24")))
    fleet.run(lambda c: record_interfaces(c, ONE, interfaces(eth5="10.2.0.1/24")))
    assert fleet.run(read_interfaces) == {
        ONE: (IPv4Interface("10.2.0.1/24"),),
        TWO: (IPv4Interface("10.1.0.2/24"),),
    }
    fleet.run(lambda c: record_interfaces(c, ONE, ()))
    assert list(fleet.run(read_interfaces)) == [TWO]


def test_two_processes_that_hear_the_same_interfaces_at_once_do_no_harm(fleet):
    told = interfaces(eth0="10.1.0.1/24")
    with fleet.open_transaction() as first:
        record_interfaces(first, ONE, told)
        second = fleet.start(lambda: fleet.run(lambda c: record_interfaces(c, ONE, told)))
        fleet.wait_until_blocked()
        first.commit()
        second.result(5)
    assert fleet.run(read_interfaces) == {ONE: (IPv4Interface("10.1.0.1/24"),)}


def test_interfaces_that_did_not_change_notify_nobody_and_new_ones_do(fleet):
    told = interfaces(eth0="10.1.0.1/24", eth1="10.2.0.1/24")
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, told))
    assert said == ["racks"]
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, reversed(told)))
        fleet.run(lambda c: record_interfaces(c, TWO, ()))
    assert said == []
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, interfaces(eth0="10.1.0.1/25")))
        renamed = interfaces(eth9="10.1.0.1/25")
        fleet.run(lambda c: record_interfaces(c, ONE, renamed))
    assert said == ["racks", "racks"]


def test_one_address_on_two_interfaces_counts_once(fleet):
    twice = (*interfaces(eth0="10.1.0.1/24"), *interfaces(eth1="10.1.0.1/24"))
    fleet.run(lambda c: record_interfaces(c, ONE, twice))
    assert fleet.run(read_interfaces) == {ONE: (IPv4Interface("10.1.0.1/24"),)}
    with heard(fleet) as said:
        fleet.run(lambda c: record_interfaces(c, ONE, twice))
    assert said == []


# Reports


def test_a_report_is_read_as_it_was_told_and_replaces_the_one_before(fleet):
    assert (fleet.run(read_reports), fleet.run(read_turns)) == ({}, {})
    fleet.run(lambda c: record_report(c, ONE, REPORT))
    assert (fleet.run(read_reports), fleet.run(read_turns)) == ({ONE: REPORT}, {ONE: ""})
    later = DhcpReport(applied="plan2", errors=(VlanError(vlan=1, error='"é\n'),))
    fleet.run(lambda c: record_report(c, ONE, later))
    assert (fleet.run(read_reports), fleet.run(read_turns)) == ({ONE: later}, {ONE: ""})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dhcp_reports)
def test_any_report_that_a_rack_may_send_is_kept_and_the_fleet_can_be_read(fleet, report):
    fleet.run(lambda c: record_report(c, ONE, report))
    reports = fleet.run(read_reports)
    assert reports[ONE].applied == report.applied
    assert len(reports[ONE].errors) == len(report.errors)
    assert reports[ONE].vlans == report.vlans


def test_text_that_postgresql_cannot_hold_is_kept_without_that(fleet):
    """Words of a program that died may hold anything: RFC 8259 allows it, jsonb does not."""
    errors = (VlanError(vlan=1, error="a\0b"), VlanError(vlan=2, error="\ud800c"))
    fleet.run(lambda c: record_report(c, ONE, DhcpReport(errors=errors)))
    reports = fleet.run(read_reports)
    assert [error.error for error in reports[ONE].errors] == ["a\ufffdb", "\ufffdc"]


def test_a_report_that_did_not_change_notifies_nobody_and_a_new_one_does(fleet):
    with heard(fleet) as said:
        fleet.run(lambda c: record_report(c, ONE, REPORT))
    assert said == ["racks"]
    with heard(fleet) as said:
        fleet.run(lambda c: record_report(c, ONE, REPORT))
    assert said == []
    with heard(fleet) as said:
        fleet.run(lambda c: record_report(c, ONE, DhcpReport()))
    assert said == ["racks"]


def test_what_a_rack_says_that_nobody_knows_is_not_kept(fleet):
    with heard(fleet) as said:
        fleet.run(lambda c: record_report(c, UNKNOWN, REPORT))
        fleet.run(lambda c: record_interfaces(c, UNKNOWN, interfaces(eth0="10.1.0.1/24")))
        fleet.run(lambda c: write_turns(c, {UNKNOWN: "plan1"}, [UNKNOWN]))
    assert (fleet.run(read_reports), fleet.run(read_turns), fleet.run(read_interfaces)) == (
        {},
        {},
        {},
    )
    assert said == []


# Turns


def test_a_turn_is_given_and_withdrawn_and_a_report_leaves_it_alone(fleet):
    for rack in (ONE, TWO, THREE):
        fleet.run(lambda c, rack=rack: record_report(c, rack, REPORT))
    fleet.run(lambda c: write_turns(c, {ONE: "plan1", TWO: "plan2"}, ()))
    fleet.run(lambda c: record_report(c, ONE, DhcpReport()))
    assert fleet.run(read_turns) == {ONE: "plan1", TWO: "plan2", THREE: ""}
    fleet.run(lambda c: write_turns(c, {}, [ONE]))
    assert fleet.run(read_turns) == {ONE: "", TWO: "plan2", THREE: ""}


def test_a_turn_that_is_withdrawn_and_given_for_another_plan_at_once_is_given(fleet):
    fleet.run(lambda c: record_report(c, ONE, REPORT))
    fleet.run(lambda c: write_turns(c, {ONE: "plan1"}, ()))
    fleet.run(lambda c: write_turns(c, {ONE: "plan2"}, [ONE]))
    assert fleet.run(read_turns) == {ONE: "plan2"}


def test_since_when_a_rack_has_its_turn_is_read_by_the_clock_of_the_database(fleet):
    for rack in (ONE, TWO):
        fleet.run(lambda c, rack=rack: record_report(c, rack, REPORT))
    assert fleet.run(read_fleet).turn_age(ONE) == 0.0
    fleet.run(lambda c: write_turns(c, {ONE: "plan1"}, ()))
    assert fleet.run(lambda c: read_granted(c, [TWO])) == {}
    first = fleet.run(lambda c: read_granted(c, [ONE]))
    assert first == fleet.run(read_fleet).granted
    fleet.run(lambda c: write_turns(c, {}, [ONE]))
    assert fleet.run(read_granted) == first, "when its last one began"
    fleet.change("UPDATE rack_dhcp SET turn_at = turn_at - interval '100 s'")
    assert 100 < fleet.run(read_fleet).turn_age(ONE) < 110


def test_a_turn_of_a_rack_that_never_said_anything_is_nothing(fleet):
    fleet.run(lambda c: write_turns(c, {ONE: "plan1"}, ()))
    assert (fleet.run(read_reports), fleet.run(read_turns)) == ({}, {})


def test_open_turns_are_those_that_still_wait_of_the_racks_that_the_process_manages(fleet):
    fleet.run(lambda c: record_report(c, ONE, REPORT))
    fleet.run(lambda c: record_report(c, TWO, REPORT))
    fleet.run(lambda c: record_report(c, THREE, DhcpReport()))
    assert fleet.run(lambda c: read_open_turns(c, "region1/1")) == {}
    fleet.run(lambda c: write_turns(c, {ONE: "plan2", TWO: "plan9", THREE: "plan2"}, ()))
    assert fleet.run(lambda c: read_open_turns(c, "region1/1")) == {ONE: Turn(plan="plan2")}
    assert fleet.run(lambda c: read_open_turns(c, "region2/1")) == {}
    other = joined(fleet, "region2/1")
    fleet.run(lambda c: write_managing(c, {ONE: other.process}, NEW))
    assert fleet.run(lambda c: read_open_turns(c, "region1/1")) == {}
    assert fleet.run(lambda c: read_open_turns(c, "region2/1")) == {ONE: Turn(plan="plan2")}


def followed(fleet, **first):
    """Rack 2 has its turn after rack 1's, which says this; gives what is told to rack 2."""
    for rack in (ONE, TWO):
        fleet.run(lambda c, rack=rack: record_report(c, rack, REPORT))
    fleet.run(lambda c: write_turns(c, {ONE: "plan2"}, ()))
    told = {"applied": "plan2", "waiting": "", "changing": True, **first}
    fleet.run(lambda c: record_report(c, ONE, evolve(REPORT, **told)))
    fleet.run(lambda c: write_turns(c, {TWO: "plan2"}, (), {TWO: ONE}))
    other = joined(fleet, "region2/1").process
    fleet.run(lambda c: write_managing(c, {TWO: other}, NEW))
    return lambda: fleet.run(lambda c: read_open_turns(c, "region2/1")).get(TWO)


def make_earlier(fleet):
    fleet.change(
        "UPDATE rack_dhcp SET turn_at = turn_at - make_interval(secs => :by) WHERE rack_id = :rack",
        by=FOLLOW_SECONDS + 0.1,
        rack=ONE,
    )


def test_m12_a_turn_after_another_one_is_told_for_a_while_after_that_one_was_granted(fleet):
    told = followed(fleet)
    assert told() == Turn(plan="plan2", ends=True)
    make_earlier(fleet)
    assert told() is None
    fleet.run(lambda c: write_turns(c, {TWO: "plan2"}, (), {TWO: ONE}))
    assert told() is None, "granted again, and as late as before"
    fleet.run(lambda c: write_turns(c, {TWO: "plan2"}, ()))
    assert told() == Turn(plan="plan2")


def test_m12_a_turn_after_one_who_takes_nothing_back_any_more_does_not_end(fleet):
    told = followed(fleet, changing=False)
    make_earlier(fleet)
    assert told() == Turn(plan="plan2", ends=False)


@pytest.mark.parametrize("applied", ["plan1", ""])
def test_m12_a_turn_after_one_who_took_its_role_back_is_told_to_nobody(fleet, applied):
    assert followed(fleet, applied=applied, changing=False)() is None


def test_m12_a_turn_after_a_rack_that_is_deleted_is_told_to_nobody(fleet):
    told = followed(fleet)
    fleet.change("DELETE FROM rack_dhcp WHERE rack_id = :rack", rack=ONE)
    assert told() is None


def test_m12_a_withdrawn_turn_is_no_moment_from_which_another_one_counts(fleet):
    fleet.run(lambda c: record_report(c, ONE, REPORT))
    fleet.run(lambda c: write_turns(c, {ONE: "plan2"}, ()))
    at = fleet.value("SELECT turn_at FROM rack_dhcp WHERE rack_id = :rack", rack=ONE)
    fleet.run(lambda c: write_turns(c, {}, [ONE]))
    assert fleet.value("SELECT turn_at FROM rack_dhcp WHERE rack_id = :rack", rack=ONE) == at


def test_a_turn_without_a_plan_is_none_also_for_a_rack_that_waits_for_nothing(fleet):
    fleet.run(lambda c: record_report(c, ONE, DhcpReport()))
    assert fleet.run(lambda c: read_open_turns(c, "region1/1")) == {}


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


def test_a_rack_that_is_deleted_takes_what_it_said_with_it(fleet):
    fleet.run(lambda c: record_report(c, ONE, REPORT))
    fleet.run(lambda c: record_interfaces(c, ONE, interfaces(eth0="10.1.0.1/24")))
    with fleet.engine.begin() as connection:
        for table in ("connection", "managing"):
            connection.execute(
                text(f"DELETE FROM {table} WHERE rack_id = :rack"),  # noqa: S608  names of ours
                {"rack": ONE},
            )
        connection.execute(text("DELETE FROM rack WHERE id = :rack"), {"rack": ONE})
    assert (fleet.run(read_reports), fleet.run(read_turns), fleet.run(read_interfaces)) == (
        {},
        {},
        {},
    )


def served_and_left(fleet):
    """Which racks ever served a VLAN, and whether each is known to have left it."""
    rows = text("SELECT rack_id, left_at IS NOT NULL FROM dhcp_served ORDER BY 1")
    return dict(fleet.run(lambda c: [tuple(row) for row in c.execute(rows)]))


def report_of(*served):
    sides = (
        VlanReport(vlan=vlan, number=OLD, role="primary", peer=None, state="alone")
        for vlan in served
    )
    return DhcpReport(running=True, vlans=tuple(sides))


@pytest.mark.parametrize(
    ("serves", "is_managed", "left"),
    [
        pytest.param((), True, True, id="it serves nothing"),
        pytest.param((1,), True, True, id="it serves another VLAN"),
        pytest.param((0,), True, False, id="it serves this one"),
        pytest.param((), False, False, id="it is lost"),
    ],
)
def test_rule_7_who_stopped_when_a_vlan_was_turned_off_has_left_it(fleet, serves, is_managed, left):
    """It does not wait for mclt when it takes a place there later; a lost one may still serve."""
    known = vlans(fleet)
    fleet.run(lambda c: write_services(c, {known[0]: service(ONE, TWO)}, OLD))
    assert served_and_left(fleet) == {ONE: False, TWO: False}
    fleet.run(lambda c: write_services(c, {known[0]: None}, OLD))
    fleet.run(lambda c: record_report(c, TWO, report_of(*(known[it] for it in serves))))
    if not is_managed:
        lost = text("DELETE FROM managing WHERE rack_id = :rack")
        fleet.run(lambda c: c.execute(lost, {"rack": TWO}))
    fleet.run(lambda c: write_services(c, {known[0]: service(ONE)}, NEW))
    assert served_and_left(fleet) == {ONE: False, TWO: left}


def test_rule_7_who_says_that_it_stopped_has_not_left_while_another_one_serves(fleet):
    """It goes from the pair in another way: `leaving` when in order, or it was called dead."""
    one, _ = vlans(fleet)
    fleet.run(lambda c: write_services(c, {one: service(ONE, TWO)}, OLD))
    fleet.run(lambda c: record_report(c, TWO, report_of()))
    fleet.run(lambda c: write_services(c, {one: service(ONE)}, NEW))
    assert served_and_left(fleet) == {ONE: False, TWO: False}
