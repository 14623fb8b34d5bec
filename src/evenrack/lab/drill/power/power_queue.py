"""M17: orders that a rack has when it dies do not wait for it."""

from collections import Counter
from collections.abc import Sequence

from evenrack.lab.bmc.simulator import BmcSimulator
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power.power_sight import (
    Ordered,
    make_slow,
    owners,
    pick_bmc,
    refuse_told,
    told_words,
)
from evenrack.lab.drill.trial import Trial

_SLOW_SECONDS = 5.0
"""So long the BMCs take for an answer, so that nothing is sent yet when their rack dies."""


def a_dead_rack_s_orders(trial: Trial, limit: float) -> Measured:
    """Kill the daemons of a rack that has orders for all its BMCs: others do each of them."""
    if len(trial.fleet.racks) == 1:
        raise CheckFailed("this check needs a second rack; the lab has one")
    owned = owners(trial)
    rack = owned[pick_bmc(trial).bmc]
    bmcs = [bmc for bmc in trial.fleet.bmcs if owned[bmc.bmc] == rack]
    before = {bmc.bmc: len(told_words(bmc)) for bmc in bmcs}
    ordered = _order_all(trial, bmcs, rack, limit)
    ordered.count_from_now()
    for program in trial.programs_of(rack):
        trial.programs.kill(program)
    make_slow(bmcs, 0)
    seconds, rows = ordered.wait()
    for bmc in bmcs:
        refuse_told(bmc, before[bmc.bmc], ("off", "on"), seconds)
    takers = Counter(str(row["rack"]) for row in rows)
    if rack in takers:
        raise CheckFailed(f"{rack}, which is dead, is said to have done {takers[rack]}", seconds)
    told = ", ".join(f"{name} {takers[name]}" for name in sorted(takers))
    return Measured(seconds=seconds, detail=f"{len(rows)} orders that {rack} had, done by {told}")


def _order_all(trial: Trial, bmcs: Sequence[BmcSimulator], rack: str, limit: float) -> Ordered:
    """Have a rack cycle machines that are on, and see it begin with all of them."""
    for bmc in bmcs:
        bmc.chassis.press("on")
    since = trial.clocks.seconds()
    ordered = Ordered(trial, bmcs, "cycle", since, limit, slow_seconds=_SLOW_SECONDS)
    if not trial.clocks.wait_until(lambda: ordered.are_with(rack), seconds=_SLOW_SECONDS):
        raise CheckFailed(f"{rack} was not given the orders for its {len(bmcs)} BMCs")
    return ordered


CHECKS = (
    Check(
        promise="M17",
        name="a rack dies with orders in its hands: others do them at once",
        limit_seconds=5,
        run=a_dead_rack_s_orders,
        needs_bmcs=True,
    ),
)
