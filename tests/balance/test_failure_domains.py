"""Racks that fail together serve a VLAN together only where there is no other choice."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.failure_domains import (
    domain_of,
    fail_together,
    who_would_be_apart,
)
from evenrack.model.dhcp_roles import Pins
from evenrack.model.identifiers import VlanId
from tests.balance.dhcp_model import Story
from tests.dhcp_fleet import dhcp_fleet, draining, in_domains, pair_of, rack_id, serving

VLAN = VlanId(1)
ROOMS = {"rack1": "a", "rack2": "a", "rack3": "a", "rack4": "b"}


def rooms(fleet, **more):
    return in_domains(fleet, **{**ROOMS, **more})


def served_by(*racks, **more):
    fleet = dhcp_fleet({1: [1, 2, 3, 4]}, pairs={1: racks}, services={1: racks}, **more)
    return rooms(serving(fleet, *(rack for rack in racks if rack not in more.get("away", ()))))


def decided(fleet, *lost):
    return decide_pairs(fleet, lost=[rack_id(n) for n in lost])


def test_racks_without_a_domain_fail_alone_and_so_does_who_is_not_known():
    fleet = rooms(dhcp_fleet({1: [1, 2, 5, 6]}))
    assert fail_together(fleet, rack_id(1), rack_id(2))
    assert not fail_together(fleet, rack_id(5), rack_id(6))
    assert not fail_together(fleet, rack_id(1), rack_id(9))
    assert domain_of(fleet, rack_id(9)) == ""


def test_a_pair_begins_in_two_domains_although_others_have_less_to_do():
    begun = rooms(dhcp_fleet({1: [1, 2, 3, 4], 2: [4], 3: [4]}, pairs={2: (4,), 3: (4,)}))
    assert decided(begun).pairs == {VLAN: pair_of(1, 4)}


def test_where_all_are_in_one_domain_two_of_them_serve():
    fleet = rooms(dhcp_fleet({1: [1, 2, 3]}))
    assert decided(fleet).pairs == {VLAN: pair_of(1, 2)}
    away = rooms(dhcp_fleet({1: [1, 2, 4]}, away=[4]))
    assert decided(away).pairs == {VLAN: pair_of(1, 2)}
    assert decided(draining(rooms(dhcp_fleet({1: [1, 2, 4]})), 4)).pairs == {VLAN: pair_of(1, 2)}


def test_who_takes_the_place_of_a_lost_or_draining_secondary_is_of_another_domain():
    lost = served_by(1, 5, away=[5])
    assert decided(lost, 5).pairs == {VLAN: pair_of(1, 4)}
    drained = draining(served_by(1, 3), 3)
    assert decided(drained).pairs == {VLAN: pair_of(1, 4)}


def test_a_secondary_that_serves_stays_though_its_domain_is_the_primarys_by_now():
    assert not decided(served_by(1, 2)).pairs


def test_a_rack_that_an_operator_names_serves_whatever_its_domain():
    fleet = evolve(served_by(1, 4), pins={VLAN: Pins(secondary=rack_id(2))})
    assert decided(fleet).pairs == {VLAN: pair_of(1, 2)}


def test_who_could_help_is_there_does_not_drain_and_is_of_another_domain():
    pair = pair_of(1, 2)
    assert who_would_be_apart(served_by(1, 2), VLAN, pair) == rack_id(4)
    assert who_would_be_apart(served_by(1, 2, away=[4]), VLAN, pair) is None
    assert who_would_be_apart(draining(served_by(1, 2), 4), VLAN, pair) is None
    assert who_would_be_apart(served_by(1, 2), VlanId(7), pair) is None


FLEETS = st.integers(2, 6).flatmap(
    lambda racks: st.tuples(
        st.lists(st.sets(st.integers(1, racks), min_size=1).map(sorted), min_size=1, max_size=6),
        st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=racks, max_size=racks),
    )
)


def fleet_of(vlans, domains):
    fleet = dhcp_fleet(dict(enumerate(vlans, start=1)))
    return in_domains(fleet, **{f"rack{n}": it for n, it in enumerate(domains, start=1)})


def has_choice(fleet, racks):
    """Not all of them are in one domain, so each has a partner in another."""
    return len({domain_of(fleet, rack) or rack for rack in racks}) > 1


@given(FLEETS)
def test_i9_no_pair_that_is_placed_is_in_one_domain_where_the_racks_of_the_vlan_allow_it(made):
    fleet = fleet_of(*made)
    for vlan, pair in decided(fleet).pairs.items():
        racks = fleet.attached[vlan]
        assert (pair.secondary is None) == (len(racks) == 1)
        if has_choice(fleet, racks):
            assert not fail_together(fleet, *pair.racks)


@given(st.sampled_from(["drain", "die"]), FLEETS, st.integers(1, 6))
def test_i9_nor_is_one_where_a_rack_was_drained_or_died_for_good(deed, made, which):
    """Of the pairs that have a new rack: who is left may have been in one domain before."""
    fleet = fleet_of(*made)
    rack = rack_id(1 + which % len(fleet.racks))
    story = Story(fleet).settle()
    before = dict(story.fleet.pairs)
    story.do(deed, (int(rack[-1]),) if deed == "drain" else int(rack[-1]))
    lost = () if deed == "drain" else (rack,)
    story.settle(lost=lost)
    story.do("call dead", ())
    story.settle(lost=lost)
    for vlan, pair in story.fleet.pairs.items():
        is_new = not set(pair.racks) <= set(before[vlan].racks)
        if is_new and has_choice(fleet, set(fleet.attached[vlan]) - {rack}):
            assert not fail_together(fleet, *pair.racks)
