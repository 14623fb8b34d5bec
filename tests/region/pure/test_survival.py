"""Which parts must not be lost: exactly those whose loss leaves something with nobody."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.what_if import find_parts, without
from evenrack.model.identifiers import LinkId
from evenrack.region.troubles.survival import needed_parts
from evenrack.region.troubles.vlan_troubles import serving_racks
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import dhcp_fleet, serving
from tests.strategies import running

RACKS = range(1, 5)
SECOND = running("region2/1")


def redundant(fleet):
    """The fleet with a second region host, to which every connected rack has a link, too."""
    more = tuple(
        link._replace(id=LinkId(f"{link.id}-2"), process=SECOND.id) for link in fleet.links
    )
    return evolve(
        fleet,
        processes={**fleet.processes, SECOND.id: SECOND},
        regions={**fleet.regions, SECOND.region: "region2"},
        links=(*fleet.links, *more),
    )


def told(fleet):
    return [(need.part, need.why) for need in needed_parts(redundant(fleet))]


def test_nothing_hangs_on_one_of_two_racks():
    assert told(bmc_fleet({1: [1, 2], 2: [2, 3]})) == []


def test_bmcs_that_only_one_connected_rack_reaches_hang_on_it():
    fleet = bmc_fleet({1: [1], 2: [1, 3], 3: [2], 4: [1, 2]}, away=[3])
    assert told(fleet) == [
        ("rack:rack1", "2 BMCs would have no rack"),
        ("rack:rack2", "1 BMC would have no rack"),
    ]


def test_a_bmc_that_nobody_reaches_hangs_on_nobody():
    assert told(bmc_fleet({1: [], 2: [3]}, away=[3])) == []


@pytest.mark.parametrize(("racks", "needed"), [((1,), 1), ((1, 2), 0)])
def test_a_vlan_that_one_rack_serves_hangs_on_it(racks, needed):
    fleet = serving(dhcp_fleet({1: [1, 2]}, services={1: racks}), *racks)
    assert told(fleet) == [("rack:rack1", "vlan1 would have no DHCP")][:needed]


@st.composite
def fleets_with_all(draw):
    subsets = st.lists(st.sampled_from(RACKS), unique=True, max_size=3)
    reach = draw(st.lists(subsets, max_size=6))
    fleet = bmc_fleet(dict(enumerate(reach, 1)), away=draw(subsets), racks=4)
    services = {1: draw(subsets.filter(bool))[:2]}
    fleet = evolve(fleet, services=dhcp_fleet({1: RACKS}, services=services).services)
    fleet = serving(fleet, *draw(subsets))
    return redundant(fleet) if draw(st.booleans()) else fleet


def served(fleet):
    """Everything that has somebody: racks a process, VLANs a server, BMCs a rack."""
    return {
        *(rack for rack in fleet.racks if fleet.is_connected(rack)),
        *(bmc for bmc, reach in fleet.bmc_reach.items() if reach),
        *(vlan.name for vlan in fleet.vlans.values() if serving_racks(fleet, vlan)),
    }


@given(fleets_with_all())
def test_just_those_parts_are_told_whose_loss_leaves_something_with_nobody(fleet):
    expected = set()
    for part in (*fleet.racks, *fleet.processes, *fleet.regions):
        kind = "rack" if part in fleet.racks else "region"
        kind = "process" if part in fleet.processes else kind
        gone = find_parts(fleet, [f"{kind}:{part}"])
        lost = served(fleet) - served(without(fleet, gone)) - gone.racks
        if kind != "rack":  # what racks serve they go on serving
            lost &= set(fleet.racks)
        if lost:
            name = fleet.racks[part].hostname if kind == "rack" else part
            expected.add(f"{kind}:{name}")
    assert {need.part for need in needed_parts(fleet)} == expected
