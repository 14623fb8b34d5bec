"""Which racks reach which BMCs, and who owns them: as said, so read, and told when it is new."""

import pytest

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.power import BmcReach
from evenrack.region.database.bmc_facts import (
    reach_and_owners,
    read_owners,
    read_reach,
    record_reach,
    write_owners,
)
from evenrack.region.database.fleet_cache import read_fleet
from tests.region.database.orders.order_rows import ONE, TWO, fleet
from tests.region.database.sessions import heard

__all__ = ["fleet"]
pytestmark = pytest.mark.postgres

NUMBER = FleetNumber(1, 7)


def ids(fleet):
    return [number for (number,) in fleet.rows("SELECT id FROM bmc ORDER BY id")]


def reached(fleet, rack, *bmcs, unknown=()):
    fleet.run(lambda c: record_reach(c, rack, BmcReach(answering=bmcs, unknown=unknown)))


def owned(fleet, owners):
    fleet.run(lambda c: write_owners(c, owners, NUMBER))


def test_what_a_rack_reaches_is_what_it_last_said(fleet):
    one, two, three = ids(fleet)
    assert fleet.run(read_reach) == {}
    reached(fleet, ONE, one, two)
    reached(fleet, TWO, two)
    assert fleet.run(read_reach) == {one: (ONE,), two: (ONE, TWO)}
    reached(fleet, ONE, two, three)
    assert fleet.run(read_reach) == {two: (ONE, TWO), three: (ONE,)}
    reached(fleet, ONE)
    assert fleet.run(read_reach) == {two: (TWO,)}


def test_what_a_rack_does_not_know_yet_stays_as_it_was(fleet):
    one, two, three = ids(fleet)
    reached(fleet, ONE, one, two)
    reached(fleet, TWO, one)
    with heard(fleet) as said:
        reached(fleet, ONE, unknown=(one, two, three))
        reached(fleet, ONE, one, unknown=(two, three))
        assert fleet.run(read_reach) == {one: (ONE, TWO), two: (ONE,)}
        assert said == []
    reached(fleet, ONE, three, unknown=(two,))
    assert fleet.run(read_reach) == {one: (TWO,), two: (ONE,), three: (ONE,)}
    reached(fleet, ONE, three)
    assert fleet.run(read_reach) == {one: (TWO,), three: (ONE,)}


def test_a_change_is_told_and_what_was_known_is_not(fleet):
    one, two, _ = ids(fleet)
    with heard(fleet) as said:
        reached(fleet, ONE)
        reached(fleet, ONE, one, two)
        reached(fleet, ONE, two, one)
        reached(fleet, ONE, one)
    assert said == ["racks", "racks"]


def test_bmcs_and_racks_that_are_not_there_are_left_out(fleet):
    one, *_ = ids(fleet)
    reached(fleet, ONE, one, 9_999, 2**62, -1)
    reached(fleet, "rack0009", one)
    assert fleet.run(read_reach) == {one: (ONE,)}


def test_owners_are_read_as_they_were_written_under_the_number_of_the_decision(fleet):
    one, two, _ = ids(fleet)
    owned(fleet, {one: ONE, two: TWO})
    assert fleet.run(read_owners) == {one: ONE, two: TWO}
    owned(fleet, {one: TWO, two: None, 9_999: ONE})
    assert fleet.run(read_owners) == {one: TWO}
    assert fleet.rows("SELECT era, generation FROM bmc_owner") == [(1, 7)]


def test_the_fleet_is_read_with_them(fleet):
    one, two, three = ids(fleet)
    reached(fleet, ONE, one)
    owned(fleet, {two: TWO})
    read = fleet.run(read_fleet)
    assert read.bmc_reach == {one: (ONE,), two: (), three: ()}
    assert read.bmc_owners == {two: TWO}


def test_programs_see_names(fleet):
    one, two, _ = ids(fleet)
    fleet.change("UPDATE rack SET hostname = 'a-first' WHERE id = :rack", rack=TWO)
    reached(fleet, ONE, one, two)
    reached(fleet, TWO, one)
    owned(fleet, {one: TWO})
    assert fleet.run(reach_and_owners) == {
        "b1": {"owner": "a-first", "reach": ["a-first", "rack1"]},
        "b2": {"owner": None, "reach": ["rack1"]},
        "b3": {"owner": None, "reach": []},
    }


def test_what_is_known_of_a_bmc_goes_with_it(fleet):
    one, *_ = ids(fleet)
    reached(fleet, ONE, one)
    owned(fleet, {one: ONE})
    fleet.change("DELETE FROM machine")
    fleet.change("DELETE FROM bmc")
    assert fleet.run(read_reach) == fleet.run(read_owners) == {}
