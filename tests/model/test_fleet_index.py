"""What is given to a fleet beforehand is what it would have worked out by itself."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.fleet import PlanFacts
from evenrack.model.fleet_index import FleetIndex
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import dhcp_fleet

OF_FACTS = ("bmc_addresses", "served_by")
OF_FLEETS = ("attached", "owned", "bmc_survival", "served_by")
RACKS = (1, 2, 3)
SOME = st.lists(st.sampled_from(RACKS), unique=True)


@st.composite
def readings(draw):
    """Fleets one after the other, each with some parts of the one before."""
    fleet, found = None, []
    for _ in range(draw(st.integers(1, 4))):
        bmcs = bmc_fleet(
            dict(enumerate(draw(st.lists(SOME, max_size=4)), 1)), away=draw(SOME), racks=3
        )
        vlans = dhcp_fleet(
            {1: draw(SOME), 2: draw(SOME)}, services={1: draw(SOME.filter(bool))[:2]}
        )
        parts = {
            **{name: getattr(bmcs, name) for name in ("bmcs", "answered", "bmc_owners", "links")},
            **{name: getattr(vlans, name) for name in ("vlans", "interfaces", "services")},
        }
        if fleet is not None:
            parts = {name: part for name, part in parts.items() if draw(st.booleans())}
        fleet = evolve(bmcs if fleet is None else fleet, **parts)
        found.append(fleet)
    return found


@given(readings())
def test_each_reading_is_given_what_follows_from_it(fleets):
    index = FleetIndex()
    for fleet in fleets:
        index.complete(fleet)
        alone = evolve(fleet)
        for name in OF_FLEETS:
            assert name in fleet.__dict__, "it was given beforehand"
            assert name not in alone.__dict__, "and is not carried into a fleet made from it"
            assert getattr(fleet, name) == getattr(alone, name)


@given(readings())
def test_plans_are_made_with_the_same(fleets):
    index = FleetIndex()
    for fleet in fleets:
        facts = PlanFacts(bmcs=fleet.bmcs, services=fleet.services)
        index.complete_facts(facts)
        assert set(OF_FACTS) <= facts.__dict__.keys()
        assert facts.served_by == fleet.served_by
        networks = [
            address.network for addresses in fleet.interfaces.values() for address in addresses
        ]
        assert facts.bmc_addresses.within(networks) == fleet.bmc_addresses.within(networks)
