"""Both balances as they go along with a fleet: no different from a decision made anew."""

from random import Random

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.bmc_owners import BmcBalance, decide_bmc_owners
from evenrack.balance.managing import ManagingBalance, decide_managing
from evenrack.balance.policy import MANAGING, SpreadPolicy
from evenrack.model.fleet import Managing
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, ProcessId, RackId
from tests.bmc_fleet import bmc_fleet, rack_id
from tests.strategies import fleet_of, rack_named, running

seeds = st.integers(0, 2**32)
PROCESSES = [running(f"region{host}/{instance}") for host in (1, 2) for instance in (1, 2)]
RACKS = [rack_named(f"rack{number:04}") for number in range(8)]
NUMBER = FleetNumber(3, 8)
BMCS = range(1, 25)
CALM = {"waiting": set(), "voluntary": True}
OWNERS = SpreadPolicy(theta=0.25, gap=2)


def with_managers(fleet, moves):
    """The managers after these moves, each checked against what was there."""
    managing = dict(fleet.managing)
    for move in moves:
        rack = RackId(move.item)
        assert move.before == (managing[rack].process if rack in managing else None)
        managing[rack] = Managing(process=ProcessId(move.to), number=NUMBER)
    return managing


@given(seeds)
def test_i11_i13_managing_followed_over_time_is_legal_and_even_and_a_new_leader_moves_nothing(seed):
    draw, balance, managing = Random(seed), ManagingBalance(MANAGING), {}
    for _ in range(12):
        live = [p for p in PROCESSES if draw.random() < 0.8] or PROCESSES[:1]
        fleet = evolve(
            fleet_of(
                [evolve(p, state="running" if p in live else "dead") for p in PROCESSES],
                RACKS,
                links=[(r.id, p.id) for r in RACKS for p in live if draw.random() < 0.8],
            ),
            managing=managing,
        )
        quiet = draw.random() < 0.5
        managing = with_managers(fleet, balance.decide(fleet, waiting=set(), voluntary=quiet))
        fleet = evolve(fleet, managing=managing)
        for rack, reach in fleet.reach.items():
            assert fleet.manager_of(rack) is not None or not reach
        assert balance.decide(fleet, waiting=set(), voluntary=False) == ()
    balance.audit_next()
    while moves := balance.decide(fleet, **CALM):
        fleet = evolve(fleet, managing=with_managers(fleet, moves))
        balance.audit_next()
    assert decide_managing(fleet, MANAGING, **CALM) == ()


@given(seeds)
def test_a_decision_that_could_not_be_written_is_made_again(seed):
    draw, balance = Random(seed), ManagingBalance(MANAGING)
    fleet = fleet_of(PROCESSES, RACKS, links=[(r.id, p.id) for r in RACKS for p in PROCESSES])
    first = balance.decide(fleet, **CALM)
    assert {m.item for m in first} == {r.id for r in RACKS}
    lost = draw.sample(first, draw.randint(1, len(first)))
    written = [move for move in first if move not in lost]
    again = balance.decide(evolve(fleet, managing=with_managers(fleet, written)), **CALM)
    assert {m.item for m in lost} <= {m.item for m in again}
    assert all(m.before is None for m in again if m in lost)


def test_a_rack_that_waits_no_more_gets_its_manager_though_nothing_else_changed():
    balance = ManagingBalance(MANAGING)
    fleet = fleet_of(PROCESSES, RACKS, links=[(r.id, p.id) for r in RACKS for p in PROCESSES])
    waiting = {RACKS[0].id}
    moved = {m.item for m in balance.decide(fleet, waiting=waiting, voluntary=False)}
    assert moved == {r.id for r in RACKS} - waiting
    assert waiting < {m.item for m in balance.decide(fleet, waiting=set(), voluntary=False)}


@given(seeds)
def test_owners_that_could_not_be_written_are_decided_again(seed):
    draw, balance = Random(seed), BmcBalance(OWNERS)
    fleet = bmc_fleet({n: [1, 2, 3] for n in BMCS}, racks=3)
    first = balance.decide(fleet, held=[], voluntary=True)
    assert len(first) == len(BMCS)
    lost = draw.sample(first, draw.randint(1, len(first)))
    written = {BmcId(int(m.item)): RackId(m.to) for m in first if m not in lost}
    again = balance.decide(evolve(fleet, bmc_owners=written), held=[], voluntary=True)
    assert {m.item for m in lost} <= {m.item for m in again}


@given(seeds)
def test_what_is_only_told_of_changes_decides_as_what_is_told_everything(seed):
    """A reading has the same objects where nothing changed; a copy of it has none of them."""
    draw, some, everything = Random(seed), BmcBalance(OWNERS), BmcBalance(OWNERS)
    fleet = bmc_fleet({n: [1, 2, 3] for n in BMCS}, racks=5)
    for _ in range(8):
        answered = dict(fleet.answered)
        for bmc in draw.sample(sorted(answered), draw.randint(0, 3)):
            answered[bmc] = tuple(rack_id(n) for n in range(1, 6) if draw.random() < 0.5)
        bmcs = {bmc: row for bmc, row in fleet.bmcs.items() if draw.random() < 0.95}
        fleet = evolve(fleet, bmcs=bmcs, answered=answered)
        copy = evolve(
            fleet,
            bmcs={bmc: evolve(row) for bmc, row in bmcs.items()},
            answered={bmc: (*racks[:1], *racks[1:]) for bmc, racks in answered.items()},
            bmc_owners={bmc: RackId("".join(owner)) for bmc, owner in fleet.bmc_owners.items()},
        )
        told = {"held": [], "voluntary": draw.random() < 0.5}
        moves = some.decide(fleet, **told)
        assert moves == everything.decide(copy, **told)
        owners = {BmcId(int(move.item)): RackId(move.to) for move in moves}
        fleet = evolve(fleet, bmc_owners={**fleet.bmc_owners, **owners})


@given(seeds)
def test_i8_i13_owners_followed_over_time_are_legal_and_what_is_held_stays(seed):
    draw, balance, owners = Random(seed), BmcBalance(OWNERS), {}
    for _ in range(12):
        away = [n for n in range(1, 6) if draw.random() < 0.3]
        held = [rack_id(n) for n in away if draw.random() < 0.5]
        reach = {n: [r for r in range(1, 6) if draw.random() < 0.6] for n in BMCS}
        fleet = evolve(bmc_fleet(reach, away=away, racks=5), bmc_owners=owners)
        before = dict(owners)
        for move in balance.decide(fleet, held=held, voluntary=draw.random() < 0.5):
            assert owners.get(BmcId(int(move.item))) == move.before
            owners = {**owners, BmcId(int(move.item)): RackId(move.to)}
        for bmc, reached in fleet.bmc_reach.items():
            is_held = before.get(bmc) in held and before[bmc] in fleet.answered[bmc]
            if is_held or not reached:
                assert owners.get(bmc) == before.get(bmc)
            else:
                assert owners[bmc] in reached
        fleet = evolve(fleet, bmc_owners=owners)
        assert balance.decide(fleet, held=held, voluntary=False) == ()
    balance.audit_next()
    while moves := balance.decide(fleet, held=held, voluntary=True):
        owners = {**owners, **{BmcId(int(move.item)): RackId(move.to) for move in moves}}
        fleet = evolve(fleet, bmc_owners=owners)
        balance.audit_next()
    settled = evolve(fleet, bmc_owners=owners)
    assert decide_bmc_owners(settled, OWNERS, held=held, voluntary=True) == ()


def test_what_a_draining_process_manages_goes_to_others_when_it_is_quiet():
    leaving = evolve(PROCESSES[0], leaving=True)
    fleet = fleet_of(
        [leaving, *PROCESSES[1:]],
        RACKS,
        links=[(r.id, p.id) for r in RACKS for p in PROCESSES],
        managing={r.id: PROCESSES[0].id for r in RACKS},
    )
    moves = ManagingBalance(MANAGING).decide(fleet, **CALM)
    assert {m.item for m in moves} == {r.id for r in RACKS}
    assert PROCESSES[0].id not in {m.to for m in moves}
    assert {m.reason for m in moves} == {"region1/1 is draining"}
