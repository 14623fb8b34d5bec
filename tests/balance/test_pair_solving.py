"""Pairs of many VLANs at once: who follows whom, failure domains, pins, and evenness."""

from collections import Counter
from random import Random

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.pair_loads import PairLoads
from evenrack.balance.pair_solving import solve_pairs
from evenrack.balance.pair_values import DHCP_ROLES, PairRack, PairVlan
from evenrack.model.dhcp_roles import Pair

seeds = st.integers(0, 2**32)
DOMAINS = ["", "a", "b"]


def drawn(seed):
    """Racks and VLANs, some with roles of racks that live, are dead or have left."""
    draw = Random(seed)
    names = [f"r{n}" for n in range(draw.randint(1, 6))]
    racks = [PairRack(id=n, domain=draw.choice(DOMAINS)) for n in names if draw.random() < 0.8]
    vlans = []
    for number in range(draw.randint(0, 12)):
        attached = tuple(n for n in names if draw.random() < 0.7)
        roles = draw.sample([*names, None, None], 2)
        if roles[0] is not None and roles[0] == roles[1]:
            roles[1] = None
        pinned = {
            role
            for role, rack in zip(("primary", "secondary"), roles, strict=True)
            if rack is not None and draw.random() < 0.2
        }
        vlans.append(
            PairVlan(
                id=f"v{number:02}",
                attached=attached,
                primary=roles[0],
                secondary=roles[1],
                pinned=frozenset(pinned),
            )
        )
    return racks, vlans


def on_it(vlan, racks):
    return [rack.id for rack in racks if rack.id in vlan.attached]


def solved(seed):
    racks, vlans = drawn(seed)
    return racks, vlans, solve_pairs(racks, vlans)


@given(seeds)
def test_i9_primary_and_secondary_are_two_live_racks_on_the_vlan_wherever_there_are_two(seed):
    racks, vlans, answer = solved(seed)
    assert list(answer.pairs) == sorted(vlan.id for vlan in vlans)
    for vlan in vlans:
        found, there = answer.pairs[vlan.id], on_it(vlan, racks)
        roles = [rack for rack in (found.primary, found.secondary) if rack is not None]
        assert len(set(roles)) == len(roles) == min(2, len(there))
        assert set(roles) <= set(there)
        assert found.primary is not None or not there


@given(seeds)
def test_i9_a_dead_primary_is_succeeded_by_its_secondary(seed):
    racks, vlans, answer = solved(seed)
    for vlan in vlans:
        there = on_it(vlan, racks)
        if vlan.primary not in there and vlan.secondary in there:
            final = answer.pairs[vlan.id]
            swapped_later = final.secondary == vlan.secondary
            assert final.primary == vlan.secondary or swapped_later


@given(seeds)
def test_a_live_rack_keeps_its_vlan_and_a_pinned_role_of_one_stays(seed):
    racks, vlans, answer = solved(seed)
    for vlan in vlans:
        there, final = on_it(vlan, racks), answer.pairs[vlan.id]
        for role in (vlan.primary, vlan.secondary):
            if role in there:
                assert role in (final.primary, final.secondary)
        if vlan.primary in there and "primary" in vlan.pinned:
            assert final.primary == vlan.primary
        if {vlan.primary, vlan.secondary} <= set(there) and "secondary" in vlan.pinned:
            assert final.secondary == vlan.secondary


@given(seeds)
def test_a_new_partner_is_of_another_failure_domain_where_there_is_one_and_else_it_is_said(seed):
    racks, vlans, answer = solved(seed)
    domains = {rack.id: rack.domain for rack in racks}

    def together(one, other):
        return bool(domains[one]) and domains[one] == domains[other]

    for vlan in vlans:
        there, final = on_it(vlan, racks), answer.pairs[vlan.id]
        if len(there) < 2:
            assert final.degraded
            continue
        same = together(final.primary, final.secondary)
        assert bool(final.degraded) == same
        both_stayed = {vlan.primary, vlan.secondary} <= set(there)
        if same and not both_stayed:
            # whoever was new had no choice, seen from the one that was there before
            stayed = [
                r for r in (final.primary, final.secondary) if r in (vlan.primary, vlan.secondary)
            ]
            for rack in stayed or [final.primary]:
                assert all(together(rack, other) for other in there)


@given(seeds)
def test_after_it_no_swap_of_roles_is_worth_it_and_given_back_nothing_moves(seed):
    racks, vlans, answer = solved(seed)
    primaries = Counter(found.primary for found in answer.pairs.values())
    for vlan in vlans:
        final = answer.pairs[vlan.id]
        if final.secondary is not None and not vlan.pinned:
            assert primaries[final.primary] < DHCP_ROLES.need(primaries[final.secondary])
    back = [
        evolve(
            vlan, primary=answer.pairs[vlan.id].primary, secondary=answer.pairs[vlan.id].secondary
        )
        for vlan in vlans
    ]
    again = solve_pairs(racks, back)
    assert again.moves == ()
    assert again.pairs == answer.pairs


@given(seeds)
def test_i10_the_order_of_racks_and_vlans_does_not_matter(seed):
    racks, vlans, answer = solved(seed)
    Random(seed).shuffle(racks)
    Random(seed + 1).shuffle(vlans)
    turned = [evolve(vlan, attached=vlan.attached[::-1]) for vlan in vlans]
    assert repr(solve_pairs(racks, turned)) == repr(answer)


@given(seeds)
def test_the_moves_lead_from_the_roles_before_to_those_after_and_say_why(seed):
    _, vlans, answer = solved(seed)
    roles = {(v.id, role): getattr(v, role) for v in vlans for role in ("primary", "secondary")}
    for move in answer.moves:
        assert roles[move.vlan, move.role] == move.before != move.to
        assert move.reason
        roles[move.vlan, move.role] = move.to
    for vlan, found in answer.pairs.items():
        assert (roles[vlan, "primary"], roles[vlan, "secondary"]) == (
            found.primary,
            found.secondary,
        )


def test_a_lost_rack_leaves_its_partners_even_with_no_swap_since_pairs_were_spread_beforehand():
    racks = [PairRack(id=f"r{n}") for n in range(10)]
    everywhere = tuple(rack.id for rack in racks)
    vlans = [PairVlan(id=f"v{n:04}", attached=everywhere) for n in range(1000)]
    before = solve_pairs(racks, vlans)
    lost = [
        evolve(v, primary=before.pairs[v.id].primary, secondary=before.pairs[v.id].secondary)
        for v in vlans
    ]
    after = solve_pairs(racks[1:], lost)
    primaries = Counter(found.primary for found in after.pairs.values())
    assert max(primaries.values()) <= 1.05 * 1000 / 9
    assert all(move.forced for move in after.moves)
    assert {m.vlan for m in after.moves} == {v.id for v in lost if "r0" in (v.primary, v.secondary)}


def test_what_is_counted_is_what_was_added_and_not_removed():
    loads = PairLoads([Pair(primary="a", secondary="b"), Pair(primary="a")])
    loads.remove(Pair(primary="a", secondary="b"))
    assert (loads.primaries("a"), loads.primaries("b")) == (1, 0)
    assert loads.best_primary([]) is None
    assert loads.best_primary(["a", "b"]) == "b"
    assert loads.best_secondary("a", ["c", "b"]) == "b"
