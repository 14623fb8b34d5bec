"""P10: when the owner is lost, the next power order is done by those who are left."""

from evenrack.lab.bmc.simulator import BmcSimulator
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.power.power_sight import (
    carried_out,
    owners,
    pick_bmc,
    refuse_told,
    told_words,
)
from evenrack.lab.drill.trial import Trial

_TRIES = 3
_LATE_SECONDS = 3.0
"""How long a rack that goes on again is watched for what it may still do."""


def owner_killed(trial: Trial, limit: float) -> Measured:
    """Kill the daemons of the owner's host: another rack cycles the machine."""
    bmc, owner = _owned(trial)
    bmc.chassis.press("on")
    before, since = len(told_words(bmc)), trial.clocks.seconds()
    for program in trial.programs_of(owner):
        trial.programs.kill(program)
    measured, _ = _cycled_by_another(trial, bmc, owner, (before, since), limit)
    return measured


def owner_hung(trial: Trial, limit: float) -> Measured:
    """Pause the owner's daemon: another rack cycles the machine, and it does not do so again.

    Only an order that was sent to the owner before shows that: it lies in its socket.
    """
    for _ in range(_TRIES):
        measured, attempt = _cycled_while_the_owner_hangs(trial, limit)
        if attempt > 1:
            return measured
        trial.wait_until_whole()
    raise CheckFailed(f"in {_TRIES} tries the owner was never given the order: nothing was shown")


def _cycled_while_the_owner_hangs(trial: Trial, limit: float) -> tuple[Measured, int]:
    bmc, owner = _owned(trial)
    bmc.chassis.press("on")
    before, since = len(told_words(bmc)), trial.clocks.seconds()
    trial.programs.hang(f"{owner}/rackd")
    measured, attempt = _cycled_by_another(trial, bmc, owner, (before, since), limit)
    trial.programs.heal(f"{owner}/rackd")
    trial.clocks.sleep(_LATE_SECONDS)
    refuse_told(bmc, before, ("off", "on"), measured.seconds)
    return measured, attempt


def _owned(trial: Trial) -> tuple[BmcSimulator, str]:
    if len(trial.fleet.racks) == 1:
        raise CheckFailed("this check needs a second rack; the lab has one")
    bmc = pick_bmc(trial)
    return bmc, owners(trial)[bmc.bmc]


def _cycled_by_another(
    trial: Trial, bmc: BmcSimulator, owner: str, from_then: tuple[int, float], limit: float
) -> tuple[Measured, int]:
    """Cycle a machine whose owner is lost, and give the attempt in which that was done.

    `from_then` is what its BMC had been told, and the moment.
    """
    before, since = from_then
    seconds, (row,) = carried_out(trial, [bmc], "cycle", since, limit)
    refuse_told(bmc, before, ("off", "on"), seconds)
    if row["rack"] == owner:
        raise NeverMayBe(f"{owner}, which is lost, is said to have done it", seconds)
    measured = Measured(
        seconds=seconds,
        detail=f"{bmc.machine} of {owner} cycled by {row['rack']}, attempt {row['attempt']}",
    )
    return measured, int(row["attempt"])


CHECKS = (
    Check(
        promise="P10",
        name="the owner's host killed: the next power command is done by another rack",
        limit_seconds=5,
        run=owner_killed,
        needs_bmcs=True,
    ),
    Check(
        promise="P10",
        name="the owner hangs: the next power command is done by another rack, once",
        limit_seconds=10,
        run=owner_hung,
        needs_bmcs=True,
    ),
)
