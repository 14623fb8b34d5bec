"""Turns of racks to change their DHCP: given, withdrawn, and told to who waits."""

import pytest
from attrs import evolve

from evenrack.balance.dhcp_swaps import FOLLOW_SECONDS
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.dhcp_roles import Turn
from evenrack.region.database.assignment_store import write_managing
from evenrack.region.database.dhcp_store import (
    read_granted,
    read_open_turns,
    read_reports,
    read_turns,
    record_report,
    write_turns,
)
from evenrack.region.database.fleet_cache import read_fleet
from tests.region.database.dhcp.dhcp_rows import NEW, ONE, REPORT, THREE, TWO
from tests.region.database.sessions import joined

pytestmark = pytest.mark.postgres


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
