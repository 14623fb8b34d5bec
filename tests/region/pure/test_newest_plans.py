"""Which racks do not follow their newest plan; a plan is made once while nothing of it changes."""

from ipaddress import IPv4Interface

import pytest
from attrs import evolve

from evenrack.balance.rack_plans import plan_for
from evenrack.model.bmc_host import HostName
from evenrack.model.fleet import Managing
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId
from evenrack.model.snippet import Snippet
from evenrack.region.errands import newest_plans
from evenrack.region.errands.newest_plans import NewestPlans
from evenrack.wire.version import EVERY_BMC
from tests.bmc_fleet import bmc_named
from tests.dhcp_fleet import NUMBER, PROCESS, dhcp_fleet, rack_id, vlan_of

ONE, TWO = rack_id(1), rack_id(2)


@pytest.fixture
def made(monkeypatch):
    """Of which racks plans were made."""
    racks = []

    def noted(fleet, rack):
        racks.append(rack)
        return plan_for(fleet, rack)

    monkeypatch.setattr(newest_plans, "plan_for", noted)
    return racks


def managed(fleet, number=NUMBER, process=PROCESS):
    return evolve(
        fleet, managing={rack: Managing(process=process, number=number) for rack in fleet.racks}
    )


def followed(fleet):
    """Every rack follows its newest plan."""
    plans = {rack: plan_for(fleet, rack) for rack in fleet.managing}
    racks = {
        rack: evolve(fleet.racks[rack], holds=plan.number, holds_fingerprint=plan.fingerprint)
        for rack, plan in plans.items()
    }
    return evolve(fleet, racks={**fleet.racks, **racks})


FLEET = managed(dhcp_fleet({1: [1, 2]}, services={1: (1, 2)}))


def test_racks_of_this_process_that_follow_an_older_plan_get_their_newest():
    plans = NewestPlans(PROCESS)
    assert plans.outdated(FLEET) == {rack: plan_for(FLEET, rack) for rack in (ONE, TWO)}
    assert plans.outdated(followed(FLEET)) == {}
    assert NewestPlans(ProcessId("region2/1")).outdated(FLEET) == {}


def test_no_plan_is_made_again_while_nothing_of_it_changes(made):
    plans, fleet = NewestPlans(PROCESS), followed(FLEET)
    assert plans.outdated(fleet) == {}
    assert made == [ONE, TWO]
    made.clear()
    assert plans.outdated(evolve(fleet, links=())) == {}
    assert made == []


def test_a_rack_that_follows_something_else_under_the_same_number_is_told_again():
    plans, fleet = NewestPlans(PROCESS), followed(FLEET)
    plans.outdated(fleet)
    strange = evolve(fleet.racks[ONE], holds_fingerprint="other")
    changed = evolve(fleet, racks={**fleet.racks, ONE: strange})
    assert set(plans.outdated(changed)) == {ONE}
    older = evolve(fleet.racks[ONE], holds=FleetNumber(1, 1))
    assert set(plans.outdated(evolve(fleet, racks={**fleet.racks, ONE: older}))) == {ONE}


@pytest.mark.parametrize(
    "change",
    [
        lambda fleet: managed(fleet, FleetNumber(1, 9)),
        lambda fleet: evolve(fleet, vlans={1: evolve(vlan_of(1), subnets=())}),
        lambda fleet: evolve(
            fleet, services=dhcp_fleet({1: [1, 2]}, services={1: (2, 1)}).services
        ),
        lambda fleet: evolve(
            fleet, global_snippets=(Snippet(id=1, level="global", text="deny booting;"),)
        ),
    ],
    ids=["number", "VLAN", "service", "snippet"],
)
def test_whatever_changes_a_plan_is_seen(change):
    plans, fleet = NewestPlans(PROCESS), followed(FLEET)
    plans.outdated(fleet)
    changed = change(fleet)
    assert plans.outdated(changed) == NewestPlans(PROCESS).outdated(changed)
    assert set(plans.outdated(changed)) == {ONE, TWO}


def test_a_new_address_of_a_rack_is_seen(made):
    """It says which BMCs are near."""
    plans, fleet = NewestPlans(PROCESS), followed(FLEET)
    plans.outdated(fleet)
    made.clear()
    moved = {**fleet.interfaces, TWO: (IPv4Interface("198.51.100.1/24"),)}
    plans.outdated(evolve(fleet, interfaces=moved))
    assert made == [TWO]


def test_an_older_rack_is_not_told_of_bmcs_that_it_cannot_read_and_gets_them_when_it_is_upgraded():
    bmcs = {number: bmc_named(number) for number in (1, 2, 3)}
    bmcs[2] = evolve(bmcs[2], address=HostName("bmc2.example.com"))
    bmcs[3] = evolve(bmcs[3], driver="redfish")
    near = {**FLEET.interfaces, ONE: (IPv4Interface("10.9.0.200/24"),)}
    upgraded = managed(evolve(FLEET, bmcs=bmcs, interfaces=near))
    older = evolve(upgraded, older={ONE: EVERY_BMC - 1})
    plans = NewestPlans(PROCESS)
    told = plans.outdated(older)
    assert [target.bmc for target in told[ONE].bmcs] == [1]
    assert [target.bmc for target in told[TWO].bmcs] == [2]
    racks = {
        rack: evolve(older.racks[rack], holds=it.number, holds_fingerprint=it.fingerprint)
        for rack, it in told.items()
    }
    assert plans.outdated(evolve(older, racks={**older.racks, **racks})) == {}
    told = plans.outdated(evolve(upgraded, racks={**older.racks, **racks}))
    assert [target.bmc for target in told.pop(ONE).bmcs] == [1, 2, 3]
    assert told == {}


def renamed(fleet, name, generation):
    """One of its VLANs has another name, and the racks have a newer plan for that."""
    vlans = {**fleet.vlans, 1: evolve(fleet.vlans[1], name=name)}
    return managed(evolve(fleet, vlans=vlans), FleetNumber(NUMBER.era, generation))


def test_what_a_rack_follows_is_known_while_it_follows_a_plan_that_was_made_here():
    plans, first = NewestPlans(PROCESS), followed(FLEET)
    plans.outdated(first)
    second = renamed(first, "second", NUMBER.generation + 1)
    for _ in range(2):  # it is told again until it follows
        assert set(plans.outdated(second)) == {ONE, TWO}
        assert plans.base_of(ONE) == plan_for(first, ONE)
    plans.outdated(followed(second))
    assert plans.base_of(ONE) is None
    plans.outdated(renamed(followed(second), "third", NUMBER.generation + 2))
    assert plans.base_of(ONE) == plan_for(second, ONE)


def test_what_a_rack_follows_is_not_known_where_it_was_made_by_another_process():
    plans, first = NewestPlans(PROCESS), followed(FLEET)
    plans.outdated(first)
    strange = evolve(first.racks[ONE], holds_fingerprint="other")
    second = renamed(first, "second", NUMBER.generation + 1)
    plans.outdated(evolve(second, racks={**first.racks, ONE: strange}))
    assert (plans.base_of(ONE), plans.base_of(TWO)) == (None, plan_for(first, TWO))
    elsewhere = {TWO: evolve(second.managing[TWO], process=ProcessId("region2/1"))}
    plans.outdated(evolve(second, managing={**second.managing, **elsewhere}))
    assert plans.base_of(TWO) is None
