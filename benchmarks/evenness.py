"""quality and pair-spread: how even, and by how many moves, against the optimum and a hash ring."""

import random
from collections import Counter

from attrs import evolve
from uhashring import HashRing

from benchmarks.measure import Figure
from evenrack.balance.engine.spreading import Spreading
from evenrack.balance.pair_solving import solve_pairs
from evenrack.balance.pair_values import PairRack, PairVlan
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin
from evenrack.model.identifiers import RackId
from tests.balance.best_spread import lowest_maximum
from tests.balance.fewest_moves import fewest_moves
from tests.balance.spread_events import SpreadWorld

EXACT = SpreadPolicy(theta=0.0, gap=2)
RACKS = 1_000
PROCESSES = 16
VLANS = 10_000
PAIR_RACKS = 10
WORLDS, EVENTS = 25, 40
LINKED = 0.8
"""The share of the processes that a rack is connected to."""
SEED = 1


def measure() -> list[Figure]:
    """Compare what is given with the best that there is."""
    return [_against_ring(), _moves_against_flow(), *_pair_spread()]


def _against_ring() -> Figure:
    """Spread racks that are connected to most processes; a ring takes the next one it reaches."""
    chance = random.Random(SEED)
    processes = [f"region{n // 4}/{n % 4}" for n in range(PROCESSES)]
    reach = {
        f"rack{n:04}": tuple(p for p in processes if chance.random() < LINKED) or (processes[0],)
        for n in range(RACKS)
    }
    spreading = Spreading(EXACT)
    for process in processes:
        spreading.open_bin(Bin(id=process))
    for rack, reached in reach.items():
        spreading.put_item(rack, reached, None)
    spreading.place()
    while spreading.audit():
        pass
    most = max(spreading.load_of(process) for process in processes)
    ring, on_ring = HashRing(processes), Counter()
    for rack, reached in reach.items():
        on_ring[next(n["nodename"] for n in ring.range(rack) if n["nodename"] in reached)] += 1
    best = lowest_maximum(processes, list(reach.values()))
    return Figure(
        name="quality-maximum",
        value=most / best,
        unit="x the optimum",
        target=1,
        peer=f"hash ring {max(on_ring.values()) / best:.2f} x",
        limit=f"{best} racks on one process (maximum flow)",
    )


def _moves_against_flow() -> Figure:
    """Let bins and items come and go in small fleets, where the fewest moves can be computed."""
    made = needed = 0
    for seed in range(WORLDS):
        world = SpreadWorld(random.Random(seed), EXACT, keep=False)
        for _ in range(EVENTS):
            world.happen()
            world.resume_all()
            before = dict(world.owners)
            world.carry_out(world.spreading.place())
            world.carry_out(world.audited())
            needed += fewest_moves(world.bins, world.owned(before))
            made += world.moved_since(before)
    return Figure(
        name="quality-moves",
        value=made / needed,
        unit="x the fewest",
        target=1.03,
        limit=f"{needed} moves in {WORLDS * EVENTS} events (flow of least cost)",
    )


def _pair_spread() -> list[Figure]:
    """Lose one of ten racks that have all VLANs among them."""
    racks = [PairRack(id=RackId(f"rack{n:04}"), domain=f"room{n % 5}") for n in range(PAIR_RACKS)]
    everywhere = tuple(rack.id for rack in racks)
    vlans = [PairVlan(id=f"v{n:05}", attached=everywhere) for n in range(VLANS)]
    before = solve_pairs(racks, vlans).pairs
    paired = [
        evolve(v, primary=before[v.id].primary, secondary=before[v.id].secondary) for v in vlans
    ]
    after = solve_pairs(racks[1:], paired)
    primaries = Counter(found.primary for found in after.pairs.values())
    mean = VLANS / (PAIR_RACKS - 1)
    return [
        Figure(
            name="pair-spread",
            value=max(primaries.values()) / mean,
            unit="max/mean",
            target=1.05,
            peer="without the spread term 1.80",
            limit="1.0",
        ),
        Figure(
            name="pair-swaps",
            value=sum(not move.forced for move in after.moves) / 2,
            unit="swaps",
            target=0,
            peer="without the spread term 413",
        ),
    ]
