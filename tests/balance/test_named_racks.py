"""Racks that an operator named for the roles of a VLAN."""

from attrs import evolve

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.model.dhcp_roles import Pins
from evenrack.model.identifiers import VlanId
from tests.dhcp_fleet import dhcp_fleet, draining, pair_of, rack_id, serving

VLAN = VlanId(1)
RACKS = (1, 2, 3, 4)


def named(primary=None, secondary=None):
    racks = (None if n is None else rack_id(n) for n in (primary, secondary))
    return Pins(**dict(zip(("primary", "secondary"), racks, strict=True)))


def served_by(*racks, pins, away=(), state="normal", designated=None):
    """A pair that is in its files, and what was named for it."""
    fleet = dhcp_fleet({1: RACKS}, away=away, pairs={1: designated or racks}, services={1: racks})
    there = [rack for rack in racks if rack not in away]
    return evolve(serving(fleet, *there, state=state), pins={VLAN: pins})


def decided(fleet, *lost):
    return decide_pairs(fleet, lost=[rack_id(n) for n in lost])


def why(decisions):
    return " ".join(move.reason for move in decisions.moves)


def test_a_vlan_that_begins_has_the_named_racks():
    fleet = evolve(dhcp_fleet({1: RACKS}), pins={VLAN: named(3, 4)})
    assert decided(fleet).pairs == {VLAN: pair_of(3, 4)}


def test_the_secondary_that_is_named_as_the_primary_exchanges_its_role():
    decisions = decided(served_by(1, 2, pins=named(primary=2)))
    assert decisions.pairs == {VLAN: pair_of(2, 1)}
    assert "an operator named the racks" in why(decisions)
    assert decided(served_by(1, 2, pins=named(secondary=1))).pairs == {VLAN: pair_of(2, 1)}


def test_a_third_rack_that_is_named_as_the_primary_gets_the_leases_first():
    decisions = decided(served_by(1, 2, pins=named(primary=3, secondary=1)))
    assert decisions.pairs == {VLAN: pair_of(1, 3)}
    assert "an operator named as the primary rack3" in why(decisions)
    pending = served_by(1, 2, pins=named(primary=3), designated=(1, 3))
    assert not decided(pending).pairs, "it has no leases yet"
    assert decided(served_by(1, 3, pins=named(primary=3, secondary=4))).pairs == {
        VLAN: pair_of(3, 1)
    }
    assert decided(served_by(3, 1, pins=named(primary=3, secondary=4))).pairs == {
        VLAN: pair_of(3, 4)
    }


def test_what_is_as_it_was_named_stays():
    for pins in (named(), named(1), named(1, 2), named(None, 2)):
        assert not decided(served_by(1, 2, pins=pins)).pairs


def test_m13_a_secondary_is_named_while_the_primary_is_dead():
    fleet = served_by(1, 2, away=[1], pins=named(secondary=4), state="communications-interrupted")
    assert decided(fleet, 1).pairs == {VLAN: pair_of(2, 4)}


def test_m13_it_goes_before_one_that_was_only_designated_since():
    """That one has no lease, and loses none."""
    waits = served_by(
        1,
        2,
        away=[1],
        pins=named(secondary=4),
        state="communications-interrupted",
        designated=(2, 3),
    )
    assert decided(waits, 1).pairs == {VLAN: pair_of(2, 4)}


def test_nothing_moves_by_a_name_while_a_server_lacks_leases():
    for pins in (named(2), named(3), named(None, 3)):
        fleet = served_by(1, 2, pins=pins, state="communications-interrupted")
        assert not decided(fleet).pairs


def test_a_named_rack_that_is_lost_drains_or_is_not_there_gets_nothing_until_it_can():
    lost = served_by(1, 2, away=[1], pins=named(1), state="communications-interrupted")
    assert decided(lost, 1).pairs[VLAN].primary == rack_id(2)
    assert decided(draining(served_by(1, 2, pins=named(1)), 1)).pairs[VLAN].primary == rack_id(2)
    gone = evolve(dhcp_fleet({1: [1, 2], 2: [3]}), pins={VLAN: named(3)})
    assert decided(gone).pairs[VLAN] == pair_of(1, 2)


def test_one_that_is_back_has_its_named_role_again():
    assert decided(served_by(2, 1, pins=named(1))).pairs == {VLAN: pair_of(1, 2)}


def test_names_lead_somewhere_and_stay_there():
    """Step by step, each when the files have followed: no role goes to and fro."""
    for pins in (named(4, 3), named(3, 1), named(None, 1), named(2, None)):
        racks, seen = (1, 2), []
        while racks not in seen:
            seen.append(racks)
            decisions = decided(served_by(*racks, pins=pins))
            pair = decisions.pairs.get(VLAN, pair_of(*racks))
            racks = tuple(int(rack[-1]) for rack in pair.racks)
        assert seen[-1] == racks
        assert pins.primary in {None, rack_id(racks[0])}
        assert pins.secondary in {None, rack_id(racks[1])}
