"""Which rack carries out the orders of each BMC."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.bmc_owners import BmcBalance, decide_bmc_owners
from evenrack.balance.policy import SpreadPolicy
from evenrack.model.identifiers import BmcId, RackId
from evenrack.model.intents import Breaker
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import rack_id

POLICY = SpreadPolicy()
RACKS = range(1, 6)


def decide(fleet, *, held=(), voluntary=True):
    return decide_bmc_owners(fleet, POLICY, held=held, voluntary=voluntary)


def after(fleet, moves):
    owners = dict(fleet.bmc_owners)
    for move in moves:
        if move.to is None:
            owners.pop(BmcId(int(move.item)), None)
        else:
            owners[BmcId(int(move.item))] = RackId(move.to)
    return evolve(fleet, bmc_owners=owners)


def settled(fleet, **more):
    return after(fleet, decide(fleet, **more))


def is_held(fleet, bmc, held):
    """What answered a rack that was just lost stays its own; else it had only the note."""
    owner = fleet.bmc_owners.get(bmc)
    return owner in held and owner in fleet.answered[bmc]


@st.composite
def situations(draw):
    """A fleet, and which of its lost racks are held."""
    subsets = st.lists(st.sampled_from(RACKS), unique=True)
    reach = draw(st.lists(subsets, max_size=15))
    away = draw(subsets)
    owners = {
        number: owner
        for number, owner in enumerate(
            draw(st.lists(st.none() | st.sampled_from(RACKS), max_size=len(reach))), 1
        )
        if owner is not None
    }
    fleet = bmc_fleet(dict(enumerate(reach, 1)), owners=owners, away=away, racks=5)
    held = [
        rack_id(rack)
        for rack in draw(st.lists(st.sampled_from(RACKS), unique=True))
        if rack in away
    ]
    return fleet, held


@given(situations(), st.booleans())
def test_p10_every_bmc_that_a_connected_rack_reaches_has_one_owner_that_reaches_it(
    situation, voluntary
):
    fleet, held = situation
    now = settled(fleet, held=held, voluntary=voluntary)
    for bmc, reach in now.bmc_reach.items():
        if reach and not is_held(fleet, bmc, held):
            assert now.bmc_owners[bmc] in reach


@given(situations(), st.booleans())
def test_a_second_decision_moves_nothing(situation, voluntary):
    fleet, held = situation
    again = settled(fleet, held=held, voluntary=voluntary)
    assert decide(again, held=held, voluntary=voluntary) == ()


@given(situations(), st.booleans())
def test_what_a_held_rack_owns_and_what_answers_nobody_stays_as_it_is(situation, voluntary):
    fleet, held = situation
    moved = {BmcId(int(move.item)) for move in decide(fleet, held=held, voluntary=voluntary)}
    for bmc, reach in fleet.bmc_reach.items():
        if not reach or is_held(fleet, bmc, held):
            assert bmc not in moved


@given(situations())
def test_while_it_is_not_quiet_only_what_has_no_owner_there_moves(situation):
    fleet, held = situation
    for move in decide(fleet, held=held, voluntary=False):
        bmc = BmcId(int(move.item))
        assert move.forced
        assert fleet.bmc_owners.get(bmc) not in fleet.bmc_reach[bmc]


@given(situations(), st.integers(0, 2**30))
def test_the_same_fleet_gives_the_same_owners_in_whatever_order_it_is_read(situation, seed):
    fleet, held = situation
    turned = evolve(
        fleet,
        racks=dict(reversed(fleet.racks.items())),
        bmcs=dict(reversed(fleet.bmcs.items())),
        answered={bmc: reach[::-1] for bmc, reach in reversed(fleet.answered.items())},
    )
    assert decide(turned, held=held) == decide(fleet, held=held)


def loads(fleet):
    owned = list(fleet.bmc_owners.values())
    return sorted(owned.count(rack) for rack in fleet.racks if fleet.is_connected(rack))


@given(st.integers(0, 30), st.integers(1, 5), st.data())
def test_bmcs_that_all_racks_reach_are_spread_evenly_within_the_band(bmcs, racks, data):
    all_racks = list(range(1, racks + 1))
    owners = {n: data.draw(st.sampled_from(all_racks)) for n in range(1, bmcs + 1)}
    fleet = bmc_fleet(dict.fromkeys(owners, all_racks), owners=owners, racks=racks)
    now = loads(settled(fleet))
    assert sum(now) == bmcs
    assert now[-1] < POLICY.need(now[0])


def test_a_new_fleet_is_spread_at_once_and_the_reason_says_that_it_had_no_owner():
    fleet = bmc_fleet({n: [1, 2] for n in range(1, 5)})
    moves = decide(fleet, voluntary=False)
    assert loads(after(fleet, moves)) == [2, 2]
    assert {(move.before, move.forced, move.reason) for move in moves} == {
        (None, True, "it has no owner yet")
    }


def test_a_voluntary_move_tells_what_the_racks_own():
    fleet = bmc_fleet({n: [1, 2] for n in range(1, 4)}, owners=dict.fromkeys(range(1, 4), 1))
    (move,) = decide(fleet)
    assert (move.before, move.to, move.forced) == (rack_id(1), rack_id(2), False)
    assert move.reason == "rack1 owns 3 BMCs, rack2 owns 0 BMCs"
    fleet = bmc_fleet({1: [1, 2], 2: [1, 2], 3: [1, 2], 4: [2]}, owners={1: 1, 2: 1, 3: 1, 4: 2})
    assert decide(fleet)[0].reason == "rack1 owns 3 BMCs, rack2 owns 1 BMC"


def test_a_difference_of_one_is_left_alone():
    assert decide(bmc_fleet({n: [1, 2] for n in (1, 2, 3)}, owners={1: 1, 2: 1, 3: 2})) == ()


def test_a_lost_rack_s_bmcs_are_held_and_then_go_to_others_evenly():
    fleet = bmc_fleet(
        {n: [1, 2, 3] for n in range(1, 7)}, owners={n: n % 3 + 1 for n in range(1, 7)}, away=[1]
    )
    assert decide(fleet, held=[rack_id(1)]) == ()
    moves = decide(fleet)
    assert {move.before for move in moves} == {rack_id(1)}
    assert all(move.reason == "rack0001 is gone" for move in moves)
    assert loads(after(fleet, moves)) == [3, 3]


def test_an_owner_that_its_bmc_answers_no_more_gives_it_to_one_that_it_does():
    (move,) = decide(bmc_fleet({1: [2]}, owners={1: 1}), voluntary=False)
    assert (move.before, move.to, move.forced) == (rack_id(1), rack_id(2), True)


def test_m20_what_only_the_new_rack_reaches_is_its_own_though_the_others_are_alive():
    (move,) = decide(bmc_fleet({1: [3]}, owners={1: 1}, racks=3))
    assert move.to == rack_id(3)


def test_a_bmc_that_answers_nobody_keeps_its_owner_also_a_lost_one():
    assert decide(bmc_fleet({1: []}, owners={1: 1}, racks=2)) == ()
    assert decide(bmc_fleet({1: []}, owners={1: 1}, away=[1], racks=2)) == ()
    assert decide(bmc_fleet({1: [1]}, owners={1: 1}, away=[1], racks=2)) == ()


def test_a_fleet_without_racks_or_bmcs_has_nothing_to_decide():
    assert decide(bmc_fleet({})) == ()
    assert decide(bmc_fleet({1: [1]}, away=[1])) == ()


def test_the_owner_of_a_bmc_that_was_removed_is_nobody_s_concern():
    fleet = bmc_fleet({1: [1]}, owners={1: 1, 9: 1})
    assert decide(fleet) == ()


def test_while_the_breaker_holds_what_lost_racks_own_stays_theirs():
    fleet = bmc_fleet(
        {n: [1, 2, 3] for n in range(1, 7)}, owners={n: n % 3 + 1 for n in range(1, 7)}, away=[1]
    )
    tripped = Breaker(why="a switch died", racks=frozenset(), processes=frozenset())
    assert decide(evolve(fleet, breaker=tripped), held=[]) == ()
    assert len(decide(evolve(fleet, breaker=evolve(tripped, released=True)), held=[])) == 2


def test_a_bmc_that_is_removed_burdens_nobody_any_more():
    fleet = bmc_fleet({n: [1, 2] for n in (1, 2, 3, 4)}, owners={1: 1, 2: 1, 3: 2, 4: 2})
    balance = BmcBalance(POLICY)
    assert balance.decide(fleet, held=[], voluntary=True) == ()
    fewer = evolve(
        fleet,
        bmcs={BmcId(n): fleet.bmcs[BmcId(n)] for n in (3, 4)},
        bmc_owners={BmcId(n): rack_id(2) for n in (3, 4)},
    )
    moves = balance.decide(fewer, held=[], voluntary=True)
    assert [(move.before, move.to) for move in moves] == [(rack_id(2), rack_id(1))]
