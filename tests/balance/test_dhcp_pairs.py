"""Which racks are designated to serve a VLAN."""

from collections import Counter

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.model.identifiers import VlanId
from evenrack.model.intents import Breaker
from tests.dhcp_fleet import (
    dhcp_fleet,
    draining,
    pair_of,
    rack_id,
    serving,
    with_services,
)

VLAN = VlanId(1)


def decided(fleet, *lost):
    return decide_pairs(fleet, lost=[rack_id(n) for n in lost])


def after(fleet, decisions):
    kept = {**fleet.pairs, **decisions.pairs}
    return evolve(fleet, pairs={vlan: pair for vlan, pair in kept.items() if pair is not None})


def told(decisions):
    return [(move.vlan, move.role, move.before, move.to) for move in decisions.moves]


def test_p4_one_rack_is_the_primary_alone():
    decisions = decided(dhcp_fleet({1: [1]}))
    assert decisions.pairs == {VLAN: pair_of(1)}
    assert told(decisions) == [(VLAN, "primary", None, rack_id(1))]


def test_p9_two_racks_are_primary_and_secondary_at_once():
    decisions = decided(dhcp_fleet({1: [1, 2]}))
    assert decisions.pairs == {VLAN: pair_of(1, 2)}
    assert told(decisions) == [
        (VLAN, "primary", None, rack_id(1)),
        (VLAN, "secondary", None, rack_id(2)),
    ]


def test_p20_a_second_rack_becomes_the_secondary():
    decisions = decided(dhcp_fleet({1: [1, 2]}, pairs={1: (2,)}))
    assert decisions.pairs == {VLAN: pair_of(2, 1)}
    assert told(decisions) == [(VLAN, "secondary", None, rack_id(1))]


def test_a_vlan_that_no_connected_rack_is_on_has_nobody():
    assert not decided(dhcp_fleet({1: []})).pairs
    assert not decided(dhcp_fleet({1: [1]}, away=[1])).pairs


def test_p8_a_vlan_without_dhcp_has_nobody_any_more():
    fleet = dhcp_fleet({1: [1, 2], 2: [1, 2]}, pairs={1: (1, 2)}, off=[1, 2])
    assert decided(fleet).pairs == {VLAN: None}
    gone = dhcp_fleet({}, away=[1, 2], pairs={1: (1, 2)})
    assert decided(gone).pairs == {VLAN: None}


def test_a_rack_that_is_away_for_a_moment_keeps_its_roles():
    for away in ([1], [2], [1, 2]):
        fleet = dhcp_fleet({1: [1, 2, 3]}, away=away, pairs={1: (1, 2)})
        assert not decided(fleet).pairs


def test_p9_a_lost_primary_is_succeeded_by_its_secondary_and_a_third_rack_becomes_secondary():
    fleet = dhcp_fleet({1: [1, 2, 3]}, away=[1], pairs={1: (1, 2)})
    decisions = decided(fleet, 1)
    assert decisions.pairs == {VLAN: pair_of(2, 3)}
    assert told(decisions) == [
        (VLAN, "primary", rack_id(1), rack_id(2)),
        (VLAN, "secondary", rack_id(2), rack_id(3)),
    ]
    assert "rack1 is lost" in decisions.moves[0].reason


def test_p9_with_two_racks_the_roles_swap():
    fleet = dhcp_fleet({1: [1, 2]}, away=[1], pairs={1: (1, 2)})
    decisions = decided(fleet, 1)
    assert decisions.pairs == {VLAN: pair_of(2, 1)}
    assert told(decisions) == [
        (VLAN, "primary", rack_id(1), rack_id(2)),
        (VLAN, "secondary", rack_id(2), rack_id(1)),
    ]


def test_a_lost_secondary_is_replaced_by_a_third_rack_and_stays_when_there_is_none():
    fleet = dhcp_fleet({1: [1, 2, 3]}, away=[2], pairs={1: (1, 2)})
    assert decided(fleet, 2).pairs == {VLAN: pair_of(1, 3)}
    fleet = dhcp_fleet({1: [1, 2]}, away=[2], pairs={1: (1, 2)})
    assert not decided(fleet, 2).pairs


def test_when_both_are_lost_nobody_takes_over_for_they_have_the_leases():
    fleet = dhcp_fleet({1: [1, 2, 3]}, away=[1, 2], pairs={1: (1, 2)})
    assert not decided(fleet, 1, 2).pairs
    fleet = dhcp_fleet({1: [1, 2]}, away=[1], pairs={1: (1,)})
    assert not decided(fleet, 1).pairs


def test_a_rack_that_returns_gets_nothing_back():
    fleet = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (2, 3)})
    assert not decided(fleet).pairs


def test_p8_a_rack_that_leaves_the_vlan_is_replaced_at_once():
    fleet = dhcp_fleet({1: [2, 3], 2: [1]}, pairs={1: (1, 2)})
    decisions = decided(fleet)
    assert decisions.pairs[VLAN] == pair_of(2, 3)
    assert "rack1 has no address on the VLAN any more" in decisions.moves[0].reason
    fleet = dhcp_fleet({1: [1], 2: [2]}, pairs={1: (1, 2)})
    assert decided(fleet).pairs[VLAN] == pair_of(1)
    assert (VLAN, "secondary", rack_id(2), None) in told(decided(fleet))


def test_when_both_have_left_the_vlan_others_begin_anew():
    fleet = dhcp_fleet({1: [3, 4], 2: [1, 2]}, pairs={1: (1, 2)})
    decisions = decided(fleet)
    assert decisions.pairs[VLAN] == pair_of(3, 4)
    assert (VLAN, "primary", rack_id(1), rack_id(3)) in told(decisions)
    fleet = dhcp_fleet({1: [], 2: [1, 2]}, pairs={1: (1, 2)})
    assert VLAN not in after(fleet, decided(fleet)).pairs


def test_racks_that_nobody_knows_by_name_are_told_by_id():
    fleet = dhcp_fleet({1: [2, 3]}, pairs={1: (1, 2)})
    assert decided(fleet).moves[0].reason.startswith("rack0001 ")


@pytest.mark.parametrize("racks", [2, 3, 5, 10])
def test_many_vlans_are_spread_over_racks_and_over_pairs(racks):
    numbers = list(range(1, racks + 1))
    fleet = dhcp_fleet(dict.fromkeys(range(1, 101), numbers))
    pairs = decided(fleet).pairs.values()
    primaries = Counter(pair.primary for pair in pairs)
    secondaries = Counter(pair.secondary for pair in pairs)
    together = Counter(frozenset(pair.racks) for pair in pairs)
    assert max(primaries.values()) - min(primaries.values()) <= 1
    assert max(secondaries.values()) <= 100 / racks * 1.2 + 1
    assert max(together.values()) <= 100 / (racks * (racks - 1) / 2) * 1.4 + 1


@st.composite
def cases(draw):
    attached = {
        vlan: sorted(draw(st.sets(st.integers(1, 5), max_size=5)))
        for vlan in range(1, draw(st.integers(1, 5)) + 1)
    }
    away = draw(st.sets(st.integers(1, 5)))
    roles = st.lists(st.integers(1, 5), min_size=1, max_size=2, unique=True).map(tuple)
    pairs = draw(st.dictionaries(st.sampled_from(sorted(attached)), roles))
    off = draw(st.sets(st.sampled_from(sorted(attached)), max_size=1))
    lost = draw(st.sets(st.sampled_from(sorted(away)))) if away else set()
    fleet = dhcp_fleet(attached, away=[1, 2, 3, 4, 5], pairs=pairs, off=off)
    connected = dhcp_fleet(attached, away=away, pairs=pairs, off=off)
    return evolve(fleet, links=connected.links, managing=connected.managing), lost


@given(cases())
def test_i9_whatever_happens_the_two_differ_and_one_who_serves_is_not_replaced(case):
    fleet, lost = case
    decisions = decided(fleet, *lost)
    result = after(fleet, decisions)
    for vlan, pair in result.pairs.items():
        assert fleet.vlans[vlan].dhcp_on
        assert pair.primary != pair.secondary
        before = fleet.pairs.get(vlan)
        if before is None:
            continue
        kept = [
            rack
            for rack in before.racks
            if rack in fleet.attached[vlan] and rack not in {rack_id(n) for n in lost}
        ]
        assert set(kept) <= set(pair.racks)
        if before.primary in kept:
            assert pair.primary == before.primary
        elif kept:
            assert pair.primary == before.secondary


@given(cases())
def test_a_second_decision_changes_nothing(case):
    fleet, lost = case
    again = decided(after(fleet, decided(fleet, *lost)), *lost)
    assert (dict(again.pairs), again.moves) == ({}, ())


@given(cases())
def test_each_change_of_a_role_is_told_once_and_nothing_else(case):
    fleet, lost = case
    decisions = decided(fleet, *lost)
    changes = set()
    for vlan, pair in after(fleet, decisions).pairs.items():
        before = fleet.pairs.get(vlan)
        roles = (None, None) if before is None else (before.primary, before.secondary)
        for role, old, new in zip(
            ("primary", "secondary"), roles, (pair.primary, pair.secondary), strict=True
        ):
            if old != new:
                changes.add((vlan, role, old, new))
    assert sorted(told(decisions), key=str) == sorted(changes, key=str)
    assert all(move.reason for move in decisions.moves)


# A third rack that is designated, and has no lease yet


def followed(now, designated, **more):
    """VLAN 1 with racks `now` in the files, all normal, and others designated since."""
    fleet = dhcp_fleet({1: [1, 2, 3]}, pairs={1: designated}, services={1: now}, **more)
    return serving(fleet, *now)


def test_a_rack_that_returns_before_a_third_one_took_its_place_has_it_again():
    fleet = followed((1, 2), (1, 3))
    decisions = decided(fleet)
    assert decisions.pairs == {VLAN: pair_of(1, 2)}
    assert decisions.moves[0].reason == "rack2 is there, and has every lease"
    assert not decided(draining(fleet, 2)).pairs, "it is to go"
    assert not decided(serving(fleet, 1, 2, state="recover-wait")).pairs, "it serves nobody yet"
    assert not decided(followed((1, 2), (1, 3), away=[2])).pairs


def test_who_succeeds_has_the_leases_whoever_is_designated():
    lost = followed((1, 2), (1, 3), away=[1])
    assert decided(lost, 1).pairs == {VLAN: pair_of(2, 3)}
    assert not decided(followed((1, 2), (1, 3), away=[1, 2]), 1, 2).pairs, "nobody has them"
    assert decided(draining(followed((1, 2), (1, 3)), 1)).pairs == {VLAN: pair_of(2, 3)}


# Racks that drain, and the circuit breaker


def paired(attached, roles, **more):
    """VLAN 1 with racks in these roles, in the files as well, and all normal."""
    fleet = dhcp_fleet({1: attached}, pairs={1: roles}, services={1: roles}, **more)
    return serving(fleet, *roles)


def test_a_secondary_that_drains_is_replaced_by_another_rack():
    fleet = draining(paired([1, 2, 3], (1, 2)), 2)
    decisions = decided(fleet)
    assert decisions.pairs == {VLAN: pair_of(1, 3)}
    assert told(decisions) == [(VLAN, "secondary", rack_id(2), rack_id(3))]
    assert decisions.moves[0].reason == "rack2 drains"


def test_a_primary_that_drains_is_succeeded_by_its_secondary_and_a_third_rack_becomes_that():
    decisions = decided(draining(paired([1, 2, 3], (1, 2)), 1))
    assert decisions.pairs == {VLAN: pair_of(2, 3)}
    assert [move.reason for move in decisions.moves] == [
        "rack1 drains; the roles swap",
        "rack1 drains",
    ]


def test_where_nobody_can_replace_it_a_rack_that_drains_stays_the_secondary():
    swapped = decided(draining(paired([1, 2], (1, 2)), 1))
    assert swapped.pairs == {VLAN: pair_of(2, 1)}
    assert not decided(draining(paired([1, 2], (2, 1)), 1)).pairs
    assert not decided(draining(paired([1, 2, 3], (2, 1), away=[3]), 1)).pairs
    assert not decided(draining(paired([1, 2, 3], (2, 1)), 1, 3)).pairs


def test_who_serves_alone_goes_on_until_another_has_the_leases():
    alone = draining(paired([1, 2], (1,)), 1)
    assert decided(alone).pairs == {VLAN: pair_of(1, 2)}, "first it gets a secondary"
    fresh = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}, services={1: (1,)})
    assert not decided(draining(serving(fresh, 1), 1)).pairs, "it is not yet in the file"
    joining = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}, services={1: (1, 2)})
    for state in ("recover", "startup", "communications-interrupted"):
        assert not decided(draining(serving(joining, 1, 2, state=state), 1)).pairs
    assert decided(draining(serving(joining, 1, 2), 1)).pairs == {VLAN: pair_of(2, 3)}


def test_a_secondary_that_drains_stays_while_the_primary_has_not_every_lease():
    fleet = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}, services={1: (1, 2)})
    assert not decided(draining(serving(fleet, 1, 2, state="recover-wait"), 2)).pairs


def test_a_secondary_that_drains_stays_while_the_primary_is_away():
    fleet = serving(
        dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}, services={1: (1, 2)}, away=[1]), 1, 2
    )
    assert decide_pairs(draining(fleet, 2), lost=()).pairs == {}


def test_a_secondary_that_drains_and_is_in_no_file_yet_is_replaced():
    fresh = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}, services={1: (1,)})
    assert decided(draining(serving(fresh, 1), 2)).pairs == {VLAN: pair_of(1, 3)}


def test_a_rack_that_drains_gets_a_role_only_where_nobody_else_could_serve():
    assert decided(draining(dhcp_fleet({1: [1, 2, 3]}), 1)).pairs == {VLAN: pair_of(2, 3)}
    assert decided(draining(dhcp_fleet({1: [1, 2]}), 1)).pairs == {VLAN: pair_of(2)}
    assert decided(draining(dhcp_fleet({1: [1]}), 1)).pairs == {VLAN: pair_of(1)}
    lost = dhcp_fleet({1: [1, 2, 3]}, away=[2], pairs={1: (1, 2)})
    assert not decided(draining(lost, 3), 2).pairs


def test_while_the_circuit_breaker_holds_no_role_changes():
    tripped = Breaker(why="much was lost")
    lost = dhcp_fleet({1: [1, 2, 3], 2: [1, 2]}, away=[1], pairs={1: (1, 2)})
    assert len(decided(lost, 1).pairs) == 2
    assert not decided(evolve(lost, breaker=tripped), 1).pairs
    assert len(decided(evolve(lost, breaker=evolve(tripped, released=True)), 1).pairs) == 2
    off = dhcp_fleet({1: [1, 2]}, pairs={1: (1, 2)}, off=[1])
    assert decided(evolve(off, breaker=tripped)).pairs == {VLAN: None}


STATES = st.sampled_from(["normal", "normal", "recover", "communications-interrupted"])


@st.composite
def draining_cases(draw):
    fleet, lost = draw(cases())
    in_files = draw(st.sets(st.sampled_from(sorted(fleet.pairs)))) if fleet.pairs else set()
    roles = {v: tuple(int(r[-1]) for r in fleet.pairs[v].racks) for v in in_files}
    fleet = with_services(fleet, roles)
    present = {int(rack[-1]) for rack in fleet.racks if fleet.is_connected(rack)}
    for rack in sorted(present):
        fleet = serving(fleet, rack, state=draw(STATES))
    return draining(fleet, *draw(st.sets(st.integers(1, 5)))), lost


@given(draining_cases())
def test_a_drain_takes_no_role_to_a_rack_that_drains_and_leaves_no_vlan_with_less(case):
    fleet, lost = case
    result = after(fleet, decided(fleet, *lost))
    for vlan, pair in result.pairs.items():
        assert pair.primary != pair.secondary
        before = fleet.pairs.get(vlan)
        had = () if before is None else before.racks
        others = [r for r in fleet.attached[vlan] if fleet.is_connected(r)]
        for rack in pair.racks:
            if rack in fleet.draining and rack not in had:
                assert set(others) <= fleet.draining
        if before is None or not set(before.racks) & set(fleet.attached[vlan]):
            continue
        assert pair.primary in before.racks, "never a third rack"
        gone = {rack_id(n) for n in lost} | (set(had) - set(fleet.attached[vlan]))
        assert len(pair.racks) >= len(set(had) - gone)


@given(draining_cases())
def test_a_second_decision_about_racks_that_drain_changes_nothing(case):
    fleet, lost = case
    again = decided(after(fleet, decided(fleet, *lost)), *lost)
    assert (dict(again.pairs), again.moves) == ({}, ())


@given(draining_cases())
def test_a_drain_alone_changes_no_role_of_other_racks_pairs(case):
    fleet, lost = case
    calm = decided(evolve(fleet, drains=()), *lost)
    for vlan, pair in decided(fleet, *lost).pairs.items():
        if pair is not None and vlan in fleet.pairs and vlan not in calm.pairs:
            assert set(fleet.pairs[vlan].racks) & fleet.draining
