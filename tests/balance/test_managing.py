"""Who manages which rack: sticky, at once when it must be, never for a difference of one."""

from collections import Counter

import attrs
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.managing import decide_managing
from evenrack.balance.policy import MANAGING
from evenrack.model.fleet import Managing
from evenrack.model.fleet_number import FleetNumber
from tests.strategies import fleet_of, fleets, rack_named, running

ONE, TWO, THREE = (running(name) for name in ("region1/1", "region1/2", "region2/1"))
RACKS = [rack_named(f"rack{number:04}") for number in range(6)]
ALL_LINKS = [(rack.id, process.id) for rack in RACKS for process in (ONE, TWO, THREE)]


def decide(fleet, *, waiting=(), voluntary=True):
    return decide_managing(fleet, MANAGING, waiting=waiting, voluntary=voluntary)


def after(fleet, moves):
    managing = dict(fleet.managing)
    for move in moves:
        managing[move.item] = Managing(process=move.to, number=FleetNumber(3, 8))
    return attrs.evolve(fleet, managing=managing)


@given(fleets(), st.booleans())
def test_i11_after_one_decision_every_connected_rack_has_a_live_connected_manager(fleet, voluntary):
    decided = after(fleet, decide(fleet, voluntary=voluntary))
    for rack, reach in fleet.reach.items():
        assert (decided.manager_of(rack) is not None) == bool(reach)


@given(fleets())
def test_i5_a_second_decision_changes_nothing(fleet):
    assert decide(after(fleet, decide(fleet))) == ()


@given(fleets())
def test_a_rack_without_a_link_keeps_the_note_of_its_manager(fleet):
    moved = {move.item for move in decide(fleet)}
    assert moved & {rack for rack, reach in fleet.reach.items() if not reach} == set()


@given(fleets(), st.booleans())
def test_every_move_goes_to_a_live_process_that_the_rack_reaches(fleet, voluntary):
    for move in decide(fleet, voluntary=voluntary):
        assert move.to in fleet.reach[move.item]


@given(fleets(all_running=True), st.data())
def test_racks_that_wait_are_not_placed_and_change_nothing_for_others(fleet, data):
    waiting = data.draw(st.sets(st.sampled_from([*fleet.racks]))) if fleet.racks else set()
    unmanaged = {rack for rack in waiting if fleet.manager_of(rack) is None}
    assert {move.item for move in decide(fleet, waiting=waiting)} & unmanaged == set()


def test_a_managed_rack_that_waits_still_counts_and_still_moves():
    racks = RACKS[:4]
    links = [(rack.id, process.id) for rack in racks for process in (ONE, TWO)]
    fleet = fleet_of([ONE, TWO], racks, links=links, managing={r.id: ONE.id for r in racks})
    moves = decide(fleet, waiting={rack.id for rack in racks})
    assert [move.to for move in moves] == [TWO.id, TWO.id]


def test_i8_a_rack_that_is_lost_and_returns_goes_back_and_nothing_else_moves():
    managing = {rack.id: (ONE, TWO, THREE)[n % 3].id for n, rack in enumerate(RACKS)}
    whole = fleet_of([ONE, TWO, THREE], RACKS, links=ALL_LINKS, managing=managing)
    lost = attrs.evolve(
        whole, links=tuple(link for link in whole.links if link.rack != RACKS[0].id)
    )
    assert decide(whole) == ()
    assert decide(lost) == ()
    assert whole.manager_of(RACKS[0].id) == ONE.id


def test_m3_300_drops_of_a_link_that_manages_nothing_move_nothing():
    managing = {rack.id: (ONE, TWO, THREE)[n % 3].id for n, rack in enumerate(RACKS)}
    whole = fleet_of([ONE, TWO, THREE], RACKS, links=ALL_LINKS, managing=managing)
    for dropped in whole.links:
        if managing[dropped.rack] != dropped.process:
            links = tuple(link for link in whole.links if link != dropped)
            assert decide(attrs.evolve(whole, links=links)) == ()
    assert decide(whole) == ()


def test_p1_the_racks_of_a_dead_process_are_moved_at_once_and_evenly():
    managing = {rack.id: (ONE, TWO)[n % 2].id for n, rack in enumerate(RACKS)}
    dead = attrs.evolve(ONE, state="dead")
    links = [(rack, process) for rack, process in ALL_LINKS if process != ONE.id]
    fleet = fleet_of([dead, TWO, THREE], RACKS, links=links, managing=managing)
    moves = decide(fleet, voluntary=False)
    assert {(move.before, move.forced) for move in moves} == {(ONE.id, True)}
    assert {move.reason for move in moves} == {"region1/1 is gone"}
    assert after(fleet, moves).managed == {TWO.id: 3, THREE.id: 3}


def test_m5_racks_that_are_connected_elsewhere_are_not_orphaned_when_a_process_row_is_deleted():
    managing = {rack.id: ONE.id for rack in RACKS}
    links = [(rack, process) for rack, process in ALL_LINKS if process != ONE.id]
    fleet = fleet_of([TWO, THREE], RACKS, links=links, managing=managing)
    assert after(fleet, decide(fleet, voluntary=False)).managed == {TWO.id: 3, THREE.id: 3}


def test_p7_of_processes_that_manage_the_same_number_the_one_on_the_lighter_host_takes_more():
    four = [running(f"region{host}/{number}") for host in (1, 2) for number in (1, 2)]
    for count, on_each_host in ((2, 1), (4, 2), (6, 3)):
        racks = RACKS[:count]
        links = [(rack.id, process.id) for rack in racks for process in four]
        moves = decide(fleet_of(four, racks, links=links))
        assert Counter(move.to[:7] for move in moves) == dict.fromkeys(
            ("region1", "region2"), on_each_host
        )


def test_p4_with_one_rack_there_is_no_balancing_noise():
    links = [(RACKS[0].id, process.id) for process in (ONE, TWO, THREE)]
    fleet = fleet_of([ONE, TWO, THREE], RACKS[:1], links=links, managing={RACKS[0].id: THREE.id})
    assert decide(fleet) == ()


def test_a_move_says_how_uneven_it_was_in_words_of_racks():
    fleet = fleet_of(
        [ONE, TWO],
        RACKS[:3],
        links=[(rack.id, process.id) for rack in RACKS[:3] for process in (ONE, TWO)],
        managing={RACKS[0].id: ONE.id, RACKS[1].id: ONE.id, RACKS[2].id: ONE.id},
    )
    (move,) = decide(fleet)
    assert move.reason == "region1/1 manages 3 racks, region1/2 manages 0 racks"


@given(fleets(all_running=True))
def test_i10_the_order_of_the_tables_does_not_matter(fleet):
    turned = attrs.evolve(
        fleet,
        processes=dict(reversed(fleet.processes.items())),
        racks=dict(reversed(fleet.racks.items())),
        links=tuple(fleet.links)[::-1],
        managing=dict(reversed(fleet.managing.items())),
    )
    assert repr(decide(turned)) == repr(decide(fleet))


def test_no_process_at_all_moves_nothing():
    assert decide(fleet_of([], RACKS, managing={RACKS[0].id: ONE.id})) == ()


def test_the_default_policy_settles_1000_racks_on_16_processes_within_one_of_each_other():
    processes = [running(f"region{n // 4 + 1}/{n % 4 + 1}") for n in range(16)]
    racks = [rack_named(f"rack{number:04}") for number in range(1000)]
    links = [(rack.id, process.id) for rack in racks for process in processes]
    moves = decide(fleet_of(processes, racks, links=links), voluntary=False)
    assert Counter(Counter(move.to for move in moves).values()) == {62: 8, 63: 8}
