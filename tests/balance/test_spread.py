"""Spreading items over bins: legal, in band, sticky, and the same for the same input."""

from collections import Counter
from fractions import Fraction

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.policy import MANAGING, SpreadPolicy
from evenrack.balance.spread import settle
from evenrack.balance.spread_values import Bin, Item, Move, one_for_each_item
from tests.balance.best_spread import leads_to, lowest_maximum, lowest_sum_of_squares
from tests.strategies import spread_problems

EXACT = SpreadPolicy(theta=0.0, gap=2)
policies = st.builds(SpreadPolicy, theta=st.sampled_from([0.0, 0.1, 0.5]), gap=st.integers(2, 4))


def loads_of(bins, owners):
    counted = Counter(owners.values())
    return {b.id: counted[b.id] for b in bins}


def sum_of_squares(bins, owners):
    return sum(load**2 for load in loads_of(bins, owners).values())


def with_owners(items, owners):
    return [attrs.evolve(item, owner=owners[item.id]) for item in items]


def replayed(items, moves):
    """Carry the moves out one by one, each from the owner that it names."""
    owners = {item.id: item.owner for item in items}
    for move in moves:
        assert owners[move.item] == move.before
        owners[move.item] = move.to
    return owners


def spread(loads, *, reach=None):
    """Bins named b0, b1, .. that own so many items each; every item reaches all, or `reach`."""
    bins = [Bin(id=f"b{number}") for number in range(len(loads))]
    items = [
        Item(id=f"{number}-{index}", reach=reach or tuple(b.id for b in bins), owner=f"b{number}")
        for number, load in enumerate(loads)
        for index in range(load)
    ]
    return bins, items


@given(spread_problems(missing_bins=True), policies, st.booleans())
def test_i1_every_item_that_reaches_a_bin_is_owned_by_one_that_it_reaches(
    problem, policy, voluntary
):
    bins, items = problem
    owners = settle(bins, items, policy, voluntary=voluntary).owners
    assert owners.keys() == {item.id for item in items}
    for item in items:
        reachable = set(item.reach) & {b.id for b in bins}
        assert owners[item.id] in (reachable or {None})


@given(spread_problems(missing_bins=True), policies)
def test_i1_forced_moves_are_never_put_off(problem, policy):
    bins, items = problem
    now = settle(bins, items, policy, voluntary=False)
    names = {b.id for b in bins}
    forced = {
        item.id
        for item in items
        if item.owner not in set(item.reach) & names
        and (item.owner is not None or set(item.reach) & names)
    }
    assert {move.item for move in now.moves} == forced
    assert all(move.forced for move in now.moves)
    calm = settle(bins, items, policy, voluntary=True)
    assert {move.item for move in calm.moves if move.forced} == forced


@given(spread_problems(), policies)
def test_i3_once_settled_nothing_could_still_be_passed_on_to_a_bin_that_is_out_of_band(
    problem, policy
):
    bins, items = problem
    owners = settle(bins, items, policy, voluntary=True).owners
    loads = loads_of(bins, owners)
    reaches = {b.id: [item.reach for item in items if owners[item.id] == b.id] for b in bins}
    for source in loads:
        for target in leads_to(source, reaches):
            assert loads[source] < policy.need(loads[target])


@given(spread_problems(), policies)
def test_i4_the_maximum_is_within_the_bound_of_the_band(problem, policy):
    bins, items = problem
    owners = settle(bins, items, policy, voluntary=True).owners
    best = lowest_maximum([b.id for b in bins], [item.reach for item in items if item.reach])
    slack = max(policy.gap - 1, int(policy.theta * best))
    assert max(loads_of(bins, owners).values()) <= best + slack


@given(spread_problems())
def test_i3_without_a_band_maximum_and_sum_of_squares_are_the_exact_optimum(problem):
    bins, items = problem
    owners = settle(bins, items, EXACT, voluntary=True).owners
    names, reaches = [b.id for b in bins], [item.reach for item in items if item.reach]
    assert max(loads_of(bins, owners).values()) == lowest_maximum(names, reaches)
    assert sum_of_squares(bins, owners) == lowest_sum_of_squares(names, reaches)


@given(spread_problems(missing_bins=True), policies)
def test_i5_settling_twice_moves_nothing(problem, policy):
    bins, items = problem
    first = settle(bins, items, policy, voluntary=True)
    again = settle(bins, with_owners(items, first.owners), policy, voluntary=True)
    assert again.moves == ()
    assert again.owners == first.owners


def unevenness(bins, owners):
    """Of the bins, and where that is equal, of the hosts for each of their bins."""
    loads, hosts = loads_of(bins, owners), Counter(b.host for b in bins)
    on_host = Counter()
    for b in bins:
        on_host[b.host] += loads[b.id]
    of_hosts = sum(Fraction(on_host[host] ** 2, count) for host, count in hosts.items())
    return sum_of_squares(bins, owners), of_hosts


@given(spread_problems(), policies)
def test_i6_each_voluntary_pass_makes_bins_or_else_hosts_more_even_or_moves_nothing(
    problem, policy
):
    bins, items = problem
    placed = settle(bins, items, policy, voluntary=False).owners
    calm = settle(bins, with_owners(items, placed), policy, voluntary=True)
    before, after = unevenness(bins, placed), unevenness(bins, calm.owners)
    assert (after < before) if calm.moves else (after == before)


@given(st.lists(st.integers(0, 9), min_size=4, max_size=8), policies)
def test_p7_hosts_of_equal_size_end_within_the_band_as_well(loads, policy):
    loads = loads[: len(loads) // 2 * 2]
    bins, items = spread(loads)
    half = len(bins) // 2
    bins = [
        attrs.evolve(b, host="left" if number < half else "right") for number, b in enumerate(bins)
    ]
    settled = loads_of(bins, settle(bins, items, policy, voluntary=True).owners)
    left, right = (sum(settled[b.id] for b in part) for part in (bins[:half], bins[half:]))
    assert max(left, right) < policy.need(min(left, right))


def test_p7_a_host_that_is_heavier_in_all_its_bins_by_one_each_gives_some_away():
    bins, items = spread([2, 2, 2, 1, 1, 1])
    bins = [attrs.evolve(b, host="left" if n < 3 else "right") for n, b in enumerate(bins)]
    (move,) = settle(bins, items, EXACT, voluntary=True).moves
    assert (move.before, move.to, move.reason) == ("b0", "b3", "left has 6, right has 3")


@given(spread_problems(missing_bins=True), policies, st.booleans(), st.randoms())
def test_i10_the_same_input_in_any_order_gives_the_same_answer_byte_for_byte(
    problem, policy, voluntary, chance
):
    bins, items = problem
    bins = [attrs.evolve(b, capacity=chance.choice([0, 1, 1, 1])) for b in bins]
    first = settle(bins, items, policy, voluntary=voluntary)
    chance.shuffle(bins)
    turned = [
        attrs.evolve(item, reach=tuple(chance.sample(item.reach, len(item.reach))))
        for item in chance.sample(items, len(items))
    ]
    again = settle(bins, turned, policy, voluntary=voluntary)
    assert repr(again) == repr(first)


@given(spread_problems(missing_bins=True), policies, st.booleans())
def test_the_moves_lead_from_the_owners_before_to_the_owners_after(problem, policy, voluntary):
    bins, items = problem
    settled = settle(bins, items, policy, voluntary=voluntary)
    assert replayed(items, settled.moves) == settled.owners


@given(spread_problems(missing_bins=True), policies)
def test_every_move_says_why_and_goes_somewhere_else(problem, policy):
    bins, items = problem
    for move in settle(bins, items, policy, voluntary=True).moves:
        assert move.reason
        assert move.before != move.to


@given(spread_problems(missing_bins=True), policies)
def test_an_item_is_moved_at_most_once_in_one_pass(problem, policy):
    bins, items = problem
    moves = settle(bins, items, policy, voluntary=True).moves
    assert set(Counter(move.item for move in moves).values()) <= {1}


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_m3_a_gap_of_one_never_moves(loads):
    level = min(loads)
    bins, items = spread([level + (load > level) for load in loads])
    assert settle(bins, items, EXACT, voluntary=True).moves == ()


def test_p6_above_the_threshold_it_rebalances_and_below_it_nothing_moves():
    below, above = spread([22, 20]), spread([23, 20])
    assert settle(*below, MANAGING, voluntary=True).moves == ()
    (move,) = settle(*above, MANAGING, voluntary=True).moves
    assert (move.before, move.to, move.forced) == ("b0", "b1", False)
    assert move.reason == "b0 has 23, b1 has 20"


def test_what_is_merely_uneven_waits_for_a_quiet_moment():
    assert settle(*spread([9, 0]), EXACT, voluntary=False).moves == ()


def test_m2_a_bin_that_nothing_reaches_does_not_stop_the_balance_of_the_others():
    bins, items = spread([6, 0], reach=("b0", "b1"))
    owners = settle([*bins, Bin(id="b2")], items, EXACT, voluntary=True).owners
    assert Counter(owners.values()) == {"b0": 3, "b1": 3}


def test_m6_a_new_bin_gets_its_share_by_no_more_moves_than_that_share():
    bins, items = spread([62] * 15 + [0])
    moves = settle(bins, items, EXACT, voluntary=True).moves
    assert len(moves) == 58
    assert {move.to for move in moves} == {"b15"}


def test_a_unit_is_passed_on_over_a_bin_that_is_full_itself():
    # left only knows the middle, the middle only the right: one hop each, no direct way.
    bins = [Bin(id=name) for name in ("left", "middle", "right")]
    items = [
        *(Item(id=f"l{n}", reach=("left", "middle"), owner="left") for n in range(3)),
        *(Item(id=f"m{n}", reach=("middle", "right"), owner="middle") for n in range(2)),
    ]
    settled = settle(bins, items, EXACT, voluntary=True)
    assert loads_of(bins, settled.owners) == {"left": 2, "middle": 2, "right": 1}
    assert len(settled.moves) == 2
    assert {move.reason for move in settled.moves} == {"left has 3, right has 0"}


def test_of_equally_light_bins_the_one_on_the_lighter_host_is_taken():
    bins = [Bin(id="b0", host="full"), Bin(id="b1", host="full"), Bin(id="b2", host="free")]
    everywhere = ("b0", "b1", "b2")
    items = [
        *(Item(id=f"own{n}", reach=("b0",), owner="b0") for n in range(4)),
        Item(id="new", reach=everywhere),
    ]
    assert settle(bins, items, MANAGING, voluntary=False).owners["new"] == "b2"


@given(spread_problems(most_bins=5, most_items=16), policies, st.data())
def test_a_draining_bin_takes_nothing_that_another_can_take_and_keeps_nothing_either(
    problem, policy, data
):
    bins, items = problem
    drained = data.draw(st.sets(st.sampled_from([b.id for b in bins])))
    bins = [attrs.evolve(b, capacity=0 if b.id in drained else 1) for b in bins]
    owners = settle(bins, items, policy, voluntary=True).owners
    for item in items:
        if set(item.reach) - drained:
            assert owners[item.id] not in drained
        elif item.reach:
            assert owners[item.id] in drained
    again = settle(bins, with_owners(items, owners), policy, voluntary=True)
    assert again.moves == ()


def test_i10_draining_bins_are_emptied_in_one_order():
    bins = [Bin(id="b0", capacity=0), Bin(id="b1", capacity=0), Bin(id="b2")]
    items = [Item(id=f"of-{b.id}", reach=(b.id, "b2"), owner=b.id) for b in bins[:2]]
    moves = settle(bins, items, MANAGING, voluntary=True).moves
    assert [move.before for move in moves] == ["b0", "b1"]
    assert settle(bins[::-1], items, MANAGING, voluntary=True).moves == moves


def test_a_draining_bin_keeps_what_it_has_until_a_quiet_moment():
    bins = [Bin(id="b0", capacity=0), Bin(id="b1")]
    items = [Item(id="one", reach=("b0", "b1"), owner="b0")]
    assert settle(bins, items, MANAGING, voluntary=False).moves == ()
    (move,) = settle(bins, items, MANAGING, voluntary=True).moves
    assert (move.to, move.reason) == ("b1", "b0 is draining")


def test_i10_of_several_ways_the_same_one_is_taken_whatever_the_order_of_a_reach():
    # Two ways lead from the full bin to the empty one, each over a bin of its own.
    bins = [Bin(id=name) for name in ("full", "over1", "over2", "empty")]
    owned = [("full", 3, ("over1", "over2")), ("over1", 2, ("empty",)), ("over2", 2, ("empty",))]

    def settled(turn):
        items = [
            Item(id=f"{owner}-{n}", reach=turn((owner, *others)), owner=owner)
            for owner, count, others in owned
            for n in range(count)
        ]
        return repr(settle(bins, items, EXACT, voluntary=True))

    assert settled(tuple) == settled(lambda reach: reach[::-1])


@pytest.mark.parametrize("voluntary", [False, True])
def test_without_any_bin_every_owner_is_given_up_and_nothing_else_happens(voluntary):
    items = [Item(id="had", reach=("gone",), owner="gone"), Item(id="never", reach=("gone",))]
    settled = settle([], items, MANAGING, voluntary=voluntary)
    assert settled.owners == {"had": None, "never": None}
    (move,) = settled.moves
    assert (move.item, move.before, move.to, move.forced) == ("had", "gone", None, True)


@pytest.mark.parametrize("voluntary", [False, True])
def test_without_any_item_nothing_happens(voluntary):
    settled = settle([Bin(id="b0"), Bin(id="b1")], [], MANAGING, voluntary=voluntary)
    assert (settled.owners, settled.moves) == ({}, ())


@pytest.mark.parametrize(
    ("owner", "reason"),
    [(None, "it has no owner yet"), ("gone", "gone is gone"), ("b1", "it lost its link to b1")],
)
def test_a_forced_move_says_what_forced_it(owner, reason):
    item = Item(id="one", reach=("b0",), owner=owner)
    settled = settle([Bin(id="b0"), Bin(id="b1")], [item], MANAGING, voluntary=False)
    (move,) = settled.moves
    assert (move.before, move.to, move.reason) == (owner, "b0", reason)


def test_m6_the_loss_of_one_of_16_bins_moves_its_items_and_no_others():
    bins, items = spread([62] * 16)
    left = [b for b in bins if b.id != "b7"]
    settled = settle(left, items, MANAGING, voluntary=True)
    assert len(settled.moves) == 62
    assert all(move.before == "b7" and move.forced for move in settled.moves)
    assert set(loads_of(left, settled.owners).values()) <= {66, 67}


def test_an_item_that_came_back_within_one_pass_has_not_moved():
    there = Move(item="one", before="b0", to="b1", forced=False, reason="there")
    back = Move(item="one", before="b1", to="b0", forced=False, reason="and back")
    assert one_for_each_item([there, back]) == ()


def test_an_item_that_went_on_within_one_pass_is_told_of_once():
    first = Move(item="one", before="b0", to="b1", forced=False, reason="first")
    then = Move(item="one", before="b1", to="b2", forced=False, reason="then")
    placed = Move(item="one", before=None, to="b1", forced=True, reason="placed")
    assert one_for_each_item([first, then]) == (attrs.evolve(then, before="b0"),)
    assert one_for_each_item([placed, then]) == (attrs.evolve(placed, to="b2"),)
