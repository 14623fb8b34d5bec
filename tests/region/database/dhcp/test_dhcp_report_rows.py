"""What racks say of their DHCP: as told, so read, and whom a VLAN has been left by."""

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from evenrack.model.dhcp_report import DhcpReport, VlanError, VlanReport
from evenrack.region.database.dhcp_store import (
    read_interfaces,
    read_reports,
    read_turns,
    record_interfaces,
    record_report,
    write_services,
    write_turns,
)
from tests.region.database.dhcp.dhcp_rows import (
    NEW,
    OLD,
    ONE,
    REPORT,
    TWO,
    UNKNOWN,
    interfaces,
    service,
    vlans,
)
from tests.region.database.sessions import heard
from tests.strategies_reports import dhcp_reports

pytestmark = pytest.mark.postgres


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
