"""What one reading of the fleet says about links and managers."""

from hypothesis import given

from tests.strategies import fleet_of, fleets, rack_named, running

ONE, TWO, GONE = running("region1/1"), running("region2/1"), running("region3/1", "dead")


@given(fleets())
def test_p3_managed_counts_exactly_the_racks_whose_manager_is_live_and_connected(fleet):
    recount = dict.fromkeys(fleet.live, 0)
    for rack in fleet.racks:
        manager = fleet.manager_of(rack)
        if manager is not None:
            recount[manager] += 1
    assert fleet.managed == recount


@given(fleets())
def test_a_manager_is_live_assigned_and_has_a_link(fleet):
    for rack in fleet.racks:
        manager = fleet.manager_of(rack)
        if manager is not None:
            assert fleet.processes[manager].state == "running"
            assert fleet.managing[rack].process == manager
            assert (rack, manager) in {(link.rack, link.process) for link in fleet.links}


@given(fleets())
def test_every_rack_has_a_reach_even_without_a_link(fleet):
    assert fleet.reach.keys() == fleet.racks.keys()
    for rack, reach in fleet.reach.items():
        linked = {link.process for link in fleet.links if link.rack == rack}
        assert list(reach) == sorted(linked)


def test_m7_two_links_to_one_process_are_one_in_the_reach():
    rack = rack_named("rack0001")
    fleet = fleet_of([ONE, TWO], [rack], links=[(rack.id, ONE.id)] * 2)
    assert fleet.reach == {rack.id: (ONE.id,)}


def test_a_manager_without_a_link_manages_nothing_now():
    rack = rack_named("rack0001")
    fleet = fleet_of([ONE, TWO], [rack], links=[(rack.id, TWO.id)], managing={rack.id: ONE.id})
    assert fleet.manager_of(rack.id) is None
    assert fleet.managed == {ONE.id: 0, TWO.id: 0}


def test_dead_processes_are_not_live():
    assert fleet_of([GONE, TWO, ONE], []).live == (ONE.id, TWO.id)
