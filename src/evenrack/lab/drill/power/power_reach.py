"""M20: that a second rack reaches BMCs is learnt while the first one serves them."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenrack.lab.bmc.state import bmc_rows
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power.power_sight import (
    NEXT_ORDER_SECONDS,
    carried_out,
    owners,
    pick_bmc,
    refuse_told,
    told_words,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import RackDaemon
from evenrack.lab.network.plan import BMC_NETWORK

_LOST_SECONDS = 15.0
"""A rack daemon that begins has asked every BMC by then."""


def reach_is_learnt_while_another_serves(trial: Trial, limit: float) -> Measured:
    """Cut a rack off from the BMCs, and mend that while another one reaches them all.

    That it reaches them is known soon: the racks that did so all the time then die, and it does
    what is ordered.
    """
    bmc = pick_bmc(trial)
    owner = owners(trial)[bmc.bmc]
    others = [rack for rack in trial.fleet.racks if rack.rack != owner]
    if not others:
        raise CheckFailed("this check needs a second rack; the lab has one")
    cable = _cut_off(trial, others[0], owner)
    trial.programs.mend([cable])
    learnt = _learn(trial, others[0].rack, owner, limit)
    for rack in trial.fleet.racks:
        if rack != others[0]:
            trial.programs.kill(rack.name)
    bmc.chassis.press("on")
    before, since = len(told_words(bmc)), trial.clocks.seconds()
    seconds, (row,) = carried_out(trial, [bmc], "cycle", since, NEXT_ORDER_SECONDS)
    refuse_told(bmc, before, ("off", "on"), seconds)
    if row["rack"] != others[0].rack:
        raise CheckFailed(f"{row['rack']} did it, and only {others[0].rack} runs", seconds)
    detail = (
        f"{others[0].rack} reaches {len(trial.fleet.bmcs)} BMCs again beside {owner}, and "
        f"cycled {bmc.machine} within {seconds:.1f} s when it was left alone"
    )
    return Measured(seconds=learnt, detail=detail)


def _cut_off(trial: Trial, rack: RackDaemon, owner: str) -> str:
    """Take a rack off the network of the BMCs, and see that it reaches none; give its cable.

    Its daemon begins anew, so that it asks them all at once.
    """
    cable = f"{rack.rack}:{BMC_NETWORK}"
    trial.programs.cut([cable])
    trial.programs.kill(rack.name)
    trial.programs.start(rack.name)
    still: Sequence[str] = []

    def reaches_none() -> bool:
        nonlocal still
        rows = bmc_rows(trial.client())
        _refuse_unreached(rows, owner)
        still = [row["name"] for row in rows if rack.rack in row["reach"]]
        return not still

    if not trial.clocks.wait_until(reaches_none, seconds=_LOST_SECONDS):
        raise CheckFailed(f"{rack.rack} is cut off, and said to reach {', '.join(still)}")
    return cable


def _learn(trial: Trial, rack: str, owner: str, limit: float) -> float:
    """Give after how long a rack is known to reach every BMC, which the owner reaches meanwhile."""
    since = trial.clocks.seconds()
    not_yet: Sequence[str] = []

    def reaches_all() -> bool:
        nonlocal not_yet
        rows = bmc_rows(trial.client())
        _refuse_unreached(rows, owner)
        not_yet = [row["name"] for row in rows if rack not in row["reach"]]
        return not not_yet

    in_time = trial.clocks.wait_until(reaches_all, seconds=limit)
    seconds = trial.clocks.seconds() - since
    if not in_time:
        raise CheckFailed(
            f"{rack} is not known to reach {', '.join(not_yet)}, which {owner} reaches", seconds
        )
    return seconds


def _refuse_unreached(rows: Sequence[Mapping[str, Any]], rack: str) -> None:
    """See that a rack reaches every BMC: else there is nothing to be shown."""
    for row in rows:
        if rack not in row["reach"]:
            raise CheckFailed(f"{rack} has lost {row['name']}, and nothing happened to it")


CHECKS = (
    Check(
        promise="M20",
        name="a second rack reaches the BMCs again: known while the first serves them",
        limit_seconds=10,
        run=reach_is_learnt_while_another_serves,
        needs_bmcs=True,
    ),
)
