"""Which problems a reading of the fleet shows."""

import pytest
from attrs import evolve
from hypothesis import given

from evenrack.model.dhcp_plan import SHARED
from evenrack.model.dhcp_report import DhcpReport, VlanError
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, VlanId
from evenrack.problems import CATALOGUE
from evenrack.region.troubles.trouble import Trouble
from evenrack.region.troubles.troubles import find_troubles
from tests.strategies import fleet_of, fleets, rack_named, running

ONE, TWO = running("region1/1"), running("region2/1")
RACK = rack_named("rack0001")
BOTH = [(RACK.id, ONE.id), (RACK.id, TWO.id)]
WELL = {"links": BOTH, "managing": {RACK.id: ONE.id}, "holder": ONE.id}


def troubles(processes=(ONE, TWO), racks=(RACK,), **changed):
    return find_troubles(fleet_of(processes, racks, **{**WELL, **changed}))


def test_a_fleet_that_is_well_has_no_problem():
    assert troubles() == []


def test_p4_with_one_rack_or_none_all_is_well():
    assert troubles(racks=(), links=(), managing={}) == []


GONE = evolve(TWO, state="dead")
OFF = evolve(TWO, state="off")
SAME_HOST = running("region1/2")


@pytest.mark.parametrize(
    ("found", "changed"),
    [
        (
            Trouble(code="RackLost", object="rack:rack0001", affects="rack0001.example.com"),
            {"links": ()},
        ),
        (
            Trouble(code="RackUnmanaged", object="rack:rack0001", affects="rack0001.example.com"),
            {"managing": {}},
        ),
        (
            Trouble(
                code="RackPartlyConnected",
                object="rack:rack0001",
                affects="rack0001.example.com, without region3/1",
            ),
            {"processes": (ONE, TWO, running("region3/1"))},
        ),
        (
            Trouble(
                code="PlanNotApplied",
                object="rack:rack0001",
                affects="rack0001.example.com, at 3.6 instead of 3.7",
            ),
            {"racks": (evolve(RACK, holds=FleetNumber(3, 6)),)},
        ),
        (
            Trouble(
                code="RackCloned",
                object="rack:rack0001",
                affects="the host at 10.9.9.9:1, refused; 10.0.0.1:4000 is connected",
            ),
            {"racks": (evolve(RACK, clone_address="10.9.9.9:1"),)},
        ),
        (
            Trouble(
                code="RegionNotRedundant",
                object="process:region1/1",
                affects="every rack, if region1/1 dies",
            ),
            {"processes": (ONE, GONE), "racks": (), "links": (), "managing": {}},
        ),
        (
            Trouble(
                code="SurvivesNoLoss",
                object="fleet",
                affects="region:region1: 1 rack would have no region",
            ),
            {"processes": (ONE, SAME_HOST), "links": [BOTH[0], (RACK.id, SAME_HOST.id)]},
        ),
        (
            Trouble(
                code="ClockSkew",
                object="region:region1",
                affects="the clock of region1.example.com is 1 h ahead of the database's",
            ),
            {"processes": (evolve(ONE, clock_ahead=3600.0), TWO)},
        ),
        (
            Trouble(code="NoLeader", object="leader", affects="every new assignment and plan"),
            {"holder": None},
        ),
    ],
    ids=lambda value: value.code if isinstance(value, Trouble) else "",
)
def test_each_problem_is_found_alone_and_says_whom_it_affects(found, changed):
    assert troubles(**changed) == [found]


def test_a_connected_rack_that_says_that_its_clock_is_wrong_is_told_of():
    def told(ahead, links=BOTH):
        fleet = fleet_of((ONE, TWO), (RACK,), **{**WELL, "links": links})
        reports = {RACK.id: DhcpReport(clock_ahead=ahead)}
        found = find_troubles(evolve(fleet, dhcp_reports=reports))
        return [each for each in found if each.code == "ClockSkew"]

    (trouble,) = told(86_400)
    assert trouble.object == "rack:rack0001"
    assert trouble.affects == "the clock of rack0001.example.com is 1 d ahead of the database's"
    assert told(-7)[0].affects.endswith("is 7 s behind the database's")
    assert told(10**30)
    assert told(5) == told(None) == told(86_400, links=()) == []


def test_a_connected_rack_that_refuses_the_global_snippets_is_told_of():
    def told(vlan, links=BOTH):
        fleet = fleet_of((ONE, TWO), (RACK,), **{**WELL, "links": links})
        reports = {RACK.id: DhcpReport(errors=(VlanError(vlan=vlan, error="line 3: no"),))}
        found = find_troubles(evolve(fleet, dhcp_reports=reports))
        return [each for each in found if each.code == "SnippetsRefused"]

    [trouble] = told(SHARED)
    assert trouble.object == "rack:rack0001"
    assert trouble.affects == "rack0001.example.com: line 3: no"
    assert told(VlanId(1)) == told(SHARED, links=()) == []


def test_a_leader_that_died_is_no_leader():
    dead = evolve(ONE, state="dead")
    assert "NoLeader" in codes(troubles(processes=(dead, TWO), links=BOTH[1:]))


def test_a_rack_that_was_stopped_in_order_is_not_lost():
    assert troubles(racks=(evolve(RACK, stopped=True),), links=()) == []


def test_a_stopped_process_is_missed_by_no_rack():
    assert codes(troubles(processes=(ONE, OFF), links=BOTH[:1])) == [
        "RegionNotRedundant",
        "SurvivesNoLoss",
    ]


def test_the_first_few_parts_that_must_not_be_lost_are_named_and_the_others_counted():
    racks = [rack_named(f"rack000{n}") for n in range(1, 4)]
    processes = [running(f"region{n}/1") for n in range(1, 4)]
    links = [(rack.id, process.id) for rack, process in zip(racks, processes, strict=True)]
    (found,) = (
        trouble
        for trouble in troubles(processes=processes, racks=racks, links=links)
        if trouble.code == "SurvivesNoLoss"
    )
    assert found.affects == (
        "process:region1/1: 1 rack would have no region; "
        "process:region2/1: 1 rack would have no region; "
        "process:region3/1: 1 rack would have no region; and 3 more"
    )


def test_a_rack_ahead_of_its_number_has_applied_its_plan():
    assert troubles(racks=(evolve(RACK, holds=FleetNumber(4, 1)),)) == []


def test_without_any_process_racks_are_lost_and_nobody_leads():
    found = troubles(processes=(), links=(), holder=ProcessId("region1/1"))
    assert codes(found) == ["NoLeader", "RackLost"]


@given(fleets())
def test_every_problem_is_in_the_catalogue_and_told_once_in_one_order(fleet):
    found = find_troubles(fleet)
    assert set(codes(found)) <= CATALOGUE.keys()
    assert found == sorted(found)
    assert len({(t.code, t.object) for t in found}) == len(found)


def codes(found):
    return [trouble.code for trouble in found]
