"""Which region hosts are told of because of their clock."""

from attrs import evolve

from evenrack.region.troubles.clock_troubles import of_clocks
from tests.strategies import fleet_of, running


def told(*processes):
    return {trouble.object: trouble.affects for trouble in of_clocks(fleet_of(processes, []))}


def off(name, seconds, state="running"):
    return evolve(running(name, state), clock_ahead=seconds)


def test_clocks_that_are_right_nearly_right_or_unknown_are_no_problem():
    assert told(off("region1/1", 0.0), off("region1/2", -5.0), running("region2/1")) == {}


def test_a_host_is_told_of_once_by_the_process_that_differs_most():
    assert told(off("region1/1", 5.1), off("region1/2", -3600.0), off("region2/1", 7.4)) == {
        "region:region1": "the clock of region1.example.com is 1 h behind the database's",
        "region:region2": "the clock of region2.example.com is 7 s ahead of the database's",
    }


def test_what_a_process_said_before_it_ended_counts_no_more():
    assert told(off("region1/1", 3600.0, "dead"), off("region1/2", 3600.0, "off")) == {}
