"""The engine under random events: after each what must hold does, as others would compute it."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread import settle
from evenrack.balance.spread_values import Bin, Item
from tests.balance.best_spread import leads_to, lowest_maximum, lowest_sum_of_squares
from tests.balance.fewest_moves import fewest_moves
from tests.balance.spread_events import HOSTS, SpreadWorld

EXACT = SpreadPolicy(theta=0.0, gap=2)
EVENTS = 40
seeds = st.integers(0, 2**32)
policies = st.builds(SpreadPolicy, theta=st.sampled_from([0.0, 0.25, 0.5]), gap=st.integers(2, 4))


def lived(seed, policy, **settings):
    """A world after each of its events, with the forced moves made and the voluntary not yet."""
    world = SpreadWorld(Random(seed), policy, **settings)
    for _ in range(EVENTS):
        world.happen()
        world.carry_out(world.spreading.place())
        yield world


def audit(world):
    world.carry_out(world.audited())


@given(seeds, policies)
def test_i1_after_each_event_every_item_that_reaches_a_live_bin_has_one_that_it_reaches(
    seed, policy
):
    for world in lived(seed, policy, hosts=HOSTS):
        for item, owner in world.owners.items():
            if owner in world.kept and owner in world.items[item]:
                continue
            assert owner in world.reach(item) or not world.reach(item)
        world.carry_out(world.spreading.settle())


@given(seeds, policies)
def test_i2_what_the_engine_has_counted_is_what_a_recount_gives(seed, policy):
    for world in lived(seed, policy, hosts=HOSTS):
        world.carry_out(world.spreading.settle())
        assert {name: world.spreading.load_of(name) for name in world.bins} == world.loads()
        assert_indexes_are_right(world)


def assert_indexes_are_right(world):
    """Compare every index of the engine with what its records say, one by one."""
    holdings = world.spreading._holdings
    counted = [holder for holder in holdings.holders.values() if holder.counts]
    assert sorted(h.id for h in holdings.levels.upward()) == sorted(h.id for h in counted)
    assert [h.load for h in holdings.levels.upward()] == sorted(h.load for h in counted)
    if counted:
        assert holdings.levels.lowest == min(h.load for h in counted)
        assert holdings.levels.highest == max(h.load for h in counted)
    on_hosts = Counter()
    for holder in counted:
        on_hosts[holder.host] += holder.load
    assert {host: holdings.hosts.get(host).owned for host in holdings.hosts} == {
        host: on_hosts[host] for host in on_hosts if host
    }
    groups = {group for holder in holdings.holders.values() for group in holder.groups}
    for holder in holdings.holders.values():
        assert set(holder.occupied) == {g for g in groups if holder in g.owned}
        assert holder.load == sum(len(g.owned[holder]) for g in holder.occupied)
    for group in groups:
        assert group.owned or group.ownerless
        assert all(group in holder.groups for holder in group.members)


@given(seeds)
def test_i3_without_a_band_maximum_and_sum_of_squares_are_the_optimum_after_each_event(seed):
    for world in lived(seed, EXACT, keep=False):
        audit(world)
        takers = world.takers()
        placed = [[name for name in world.reach(item) if name in takers] for item in world.items]
        reaches = [reach for reach in placed if reach]
        loads = {name: load for name, load in world.loads().items() if name in takers}
        assert max(loads.values(), default=0) == lowest_maximum(takers, reaches)
        assert sum(load**2 for load in loads.values()) == lowest_sum_of_squares(takers, reaches)


@given(seeds, policies)
def test_i4_after_an_audit_no_path_leads_from_a_bin_to_one_that_is_out_of_its_band(seed, policy):
    for world in lived(seed, policy, keep=False):
        audit(world)
        loads, takers = world.loads(), world.takers()
        owned = {name: [] for name in takers}
        for item, owner in world.owners.items():
            if owner in owned and owner in world.reach(item):
                owned[owner].append([name for name in world.reach(item) if name in takers])
        for source in takers:
            for target in leads_to(source, owned):
                assert loads[source] < policy.need(loads[target])


@given(seeds, policies)
def test_i5_settling_again_moves_nothing(seed, policy):
    for world in lived(seed, policy, hosts=HOSTS):
        audit(world)
        assert world.spreading.settle() == ()
        assert world.spreading.audit() == ()


@given(seeds, policies)
def test_i6_voluntary_moves_lower_the_sum_of_squares_or_there_are_none(seed, policy):
    for world in lived(seed, policy):
        world.resume_all()
        world.carry_out(world.spreading.place())
        before = sum(load**2 for load in world.loads().values())
        moves = world.spreading.settle()
        world.carry_out(moves)
        after = sum(load**2 for load in world.loads().values())
        assert after < before or (not moves and after == before)


@given(seeds)
def test_i8_a_bin_that_returns_while_its_items_are_kept_moves_nothing(seed):
    world = SpreadWorld(Random(seed), SpreadPolicy(theta=0.25, gap=2))
    for _ in range(EVENTS):
        world.happen()
    world.carry_out(world.spreading.place())
    audit(world)
    steady = world.takers()
    for name in steady:
        world.spreading.close_bin(name, keep=True)
        assert world.spreading.place() == ()
        world.spreading.open_bin(world.bins[name])
        assert world.spreading.place() == ()
        assert world.spreading.audit() == ()


@given(seeds, policies)
def test_i10_the_same_events_give_the_same_moves_byte_for_byte(seed, policy):
    def moves():
        told = []
        world = SpreadWorld(Random(seed), policy, hosts=HOSTS)
        for _ in range(EVENTS):
            world.happen()
            told += [world.spreading.place(), world.spreading.settle()]
            world.carry_out([*told[-2], *told[-1]])
        return repr(told)

    assert moves() == moves()


@given(seeds, policies)
def test_i13_an_engine_made_anew_from_the_owners_moves_nothing(seed, policy):
    for world in lived(seed, policy, keep=False, hosts=HOSTS):
        audit(world)
    anew = settle(
        world.bins.values(),
        [Item(id=i, reach=world.items[i], owner=world.owners[i]) for i in world.items],
        policy,
        voluntary=True,
    )
    assert [move for move in anew.moves if move.to is not None] == []


def test_i7_over_1000_events_it_makes_at_most_a_tenth_more_moves_than_any_way_to_be_as_even():
    """The fewest moves are counted anew at each event, from where the engine has arrived."""
    made = needed = 0
    for seed in range(25):
        world = SpreadWorld(Random(seed), EXACT, keep=False)
        for _ in range(40):
            world.happen()
            world.resume_all()
            before = dict(world.owners)
            world.carry_out(world.spreading.place())
            audit(world)
            needed += fewest_moves(world.bins, world.owned(before))
            made += world.moved_since(before)
    assert needed > 100
    assert made <= needed * 1.10, (made, needed)


def test_voluntary_moves_can_be_made_some_at_a_time():
    spreading = Spreading(EXACT)
    for name in ("a", "b"):
        spreading.open_bin(Bin(id=name))
    for number in range(20):
        spreading.put_item(f"{number}", ("a", "b"), "a")
    sizes = []
    while moves := spreading.settle(most=3):
        sizes.append(len(moves))
    assert sizes == [3, 3, 3, 1]
    assert (spreading.load_of("a"), spreading.load_of("b")) == (10, 10)


@pytest.mark.parametrize("most", range(1, 9))
def test_whatever_number_of_moves_is_allowed_at_a_time_all_is_even_in_the_end(most):
    """A chain: what the new bin c can take comes from a over b, two moves for each unit."""
    spreading = opened("a", "b")
    for number in range(9):
        spreading.put_item(f"a{number}", ("a", "b"), "a")
    for number in range(6):
        spreading.put_item(f"b{number}", ("b", "c"), "b")
    spreading.decide(voluntary=True)
    spreading.open_bin(Bin(id="c"))
    told = []
    while moves := spreading.decide(voluntary=True, most=most):
        assert len({move.item for move in moves}) == len(moves) <= 2 * most
        told += moves
        assert len(told) < 100
    assert sorted(spreading.load_of(name) for name in "abc") == [5, 5, 5]


@pytest.mark.parametrize("host", ["", "h"])
def test_bins_that_may_be_going_too_are_the_last_resort(host):
    spreading = Spreading(EXACT)
    for name in ("a", "b", "c"):
        spreading.open_bin(Bin(id=name, host=host))
    for number in range(6):
        spreading.put_item(f"{number}", ("a", "b", "c"), "a")
    spreading.put_item("only b", ("a", "b"), "a")
    spreading.close_bin("a")
    moves = spreading.place(avoid=["b"])
    assert {(move.item == "only b", move.to) for move in moves} == {(False, "c"), (True, "b")}


def test_an_item_that_nothing_reaches_keeps_the_note_of_its_bin_and_goes_back_to_it():
    spreading = Spreading(EXACT)
    for name in ("a", "b"):
        spreading.open_bin(Bin(id=name))
    for number in range(2):
        spreading.put_item(f"{number}", ("a",), "a")
    spreading.close_bin("a")
    assert spreading.place() == ()
    assert spreading.owner_of("0") is None
    spreading.open_bin(Bin(id="a"))
    assert spreading.place() == ()
    assert spreading.owner_of("0") == "a"


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_unknown_can_be_closed_and_forgotten(keep):
    spreading = Spreading(EXACT)
    spreading.close_bin("a", keep=keep)
    spreading.forget_item("0")
    assert (spreading.place(), spreading.settle(), list(spreading.items())) == ((), (), [])


def opened(*names, host=""):
    spreading = Spreading(EXACT)
    for name in names:
        spreading.open_bin(Bin(id=name, host=host))
    return spreading


@pytest.mark.parametrize("host", ["", "h"])
def test_a_heavier_bin_is_taken_where_the_lighter_one_may_be_going(host):
    spreading = opened("a", "b", host=host)
    spreading.put_item("0", ("a",), "a")
    spreading.put_item("1", ("a", "b"), None)
    assert [move.to for move in spreading.place(avoid=["b"])] == ["a"]


def test_a_bin_that_comes_gets_its_share_without_an_audit():
    spreading = opened("a", "b")
    for number in range(12):
        spreading.put_item(f"{number}", ("a", "b", "c"), "ab"[number % 2])
    assert (spreading.place(), spreading.settle()) == ((), ())
    spreading.open_bin(Bin(id="c"))
    assert len(spreading.settle()) == 4
    assert not spreading.needs_audit


def test_what_moved_over_more_than_one_bin_asks_for_an_audit():
    spreading = opened("a", "b", "c")
    for number in range(3):
        spreading.put_item(f"a{number}", ("a", "b"), "a")
        spreading.put_item(f"b{number}", ("b", "c"), "b")
    assert len(spreading.settle()) >= 2
    assert spreading.needs_audit
    spreading.audit()
    assert not spreading.needs_audit


@pytest.mark.parametrize("host", ["", "h"])
def test_of_equal_bins_the_one_that_changed_longest_ago_is_next(host):
    spreading = opened("a", "b", "c", host=host)
    placed = []
    for number in range(6):
        spreading.put_item(f"{number}", ("a", "b", "c"), None)
        placed += [move.to for move in spreading.place()]
    spreading.forget_item("1")  # b's
    spreading.forget_item("0")  # a's
    for number in range(6, 8):
        spreading.put_item(f"{number}", ("a", "b"), None)
        placed += [move.to for move in spreading.place()]
    assert placed == ["a", "b", "c", "a", "b", "c", "b", "a"]


def test_an_event_alone_leaves_something_to_an_audit_only_once_in_many():
    left = events = 0
    for seed in range(30):
        world = SpreadWorld(Random(seed), EXACT, keep=False)
        for _ in range(EVENTS):
            world.happen()
            world.carry_out(world.spreading.place())
            world.carry_out(world.spreading.empty_draining())
            world.carry_out(world.spreading.settle())
            events += 1
            if not world.spreading.needs_audit:
                found = world.spreading.audit()
                world.carry_out(found)
                left += bool(found)
    assert left <= events / 100, (left, events)


def test_draining_bins_are_emptied_some_at_a_time_and_wait_for_nothing():
    spreading = opened("a", "b")
    for number in range(5):
        spreading.put_item(f"{number}", ("a", "b"), "a")
    spreading.put_item("alone", ("a",), "a")
    spreading.open_bin(Bin(id="a", capacity=0))
    assert [len(spreading.empty_draining(most=3)) for _ in range(3)] == [3, 2, 0]
    assert spreading.owner_of("alone") == "a"
