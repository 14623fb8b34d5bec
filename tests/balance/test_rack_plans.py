"""A rack's plan is what the tables say of it, under the number of that decision."""

from evenrack.balance.rack_plans import plan_for
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from tests.strategies import fleet_of, rack_named, running

RACK = rack_named("rack0001")


def test_the_plan_names_the_manager_under_the_number_of_that_decision():
    fleet = fleet_of([running("region1/1")], [RACK], managing={RACK.id: ProcessId("region1/1")})
    assert plan_for(fleet, RACK.id) == RackPlan(
        rack=RACK.id, number=FleetNumber(3, 7), managed_by=ProcessId("region1/1")
    )


def test_a_rack_that_nobody_manages_has_no_plan():
    fleet = fleet_of([running("region1/1")], [RACK])
    assert plan_for(fleet, RACK.id) is None
    assert plan_for(fleet, RackId("unknown1")) is None
