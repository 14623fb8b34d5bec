"""P4, P11 and P28: power does what was ordered, with one rack too; owners are even and sticky."""

from collections import Counter

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power.power_sight import (
    carried_out,
    owners,
    pick_bmc,
    refuse_told,
    told_words,
)
from evenrack.lab.drill.sight import uneven_owners, unserved
from evenrack.lab.drill.trial import Trial
from evenrack.model.power import PowerAction, PowerState

_DEEDS: tuple[tuple[PowerState, PowerAction, tuple[str, ...], PowerState], ...] = (
    ("off", "query", (), "off"),
    ("on", "query", (), "on"),
    ("off", "on", ("on",), "on"),
    ("on", "cycle", ("off", "on"), "on"),
    ("on", "off", ("off",), "off"),
)
"""How a machine is, what is ordered, what its BMC must be told, and how it is then."""


def every_action_does_what_it_says(trial: Trial, limit: float) -> Measured:
    """Order each action of one machine; its BMC says what it was told."""
    bmc = pick_bmc(trial)
    longest = 0.0
    for found, action, promised, then in _DEEDS:
        bmc.chassis.press(found)
        before = len(told_words(bmc))
        seconds, (row,) = carried_out(trial, [bmc], action, trial.clocks.seconds(), limit)
        refuse_told(bmc, before, promised, seconds)
        if (row["state"], bmc.chassis.power) != (then, then):
            raise CheckFailed(
                f"after {action} {bmc.machine} is {bmc.chassis.power}, and called {row['state']}",
                seconds,
            )
        longest = max(longest, seconds)
    actions = ", ".join(dict.fromkeys(action for _, action, _, _ in _DEEDS))
    return Measured(seconds=longest, detail=f"{bmc.machine}: {actions} as its BMC was told")


def one_rack_alone(trial: Trial, limit: float) -> Measured:
    """Stop every rack daemon but one: it does what is ordered of a BMC that is another's."""
    bmc = pick_bmc(trial)
    owner = owners(trial)[bmc.bmc]
    others = [rack for rack in trial.fleet.racks if rack.rack != owner]
    left = others[0].rack if others else owner
    for rack in trial.fleet.racks:
        if rack.rack != left:
            trial.programs.stop(rack.name)
    bmc.chassis.press("on")
    before, since = len(told_words(bmc)), trial.clocks.seconds()
    seconds, (row,) = carried_out(trial, [bmc], "cycle", since, limit)
    refuse_told(bmc, before, ("off", "on"), seconds)
    if row["rack"] != left:
        raise CheckFailed(f"{row['rack']} did it, and only {left} runs", seconds)
    return Measured(seconds=seconds, detail=f"{bmc.machine} of {owner} cycled by {left}, alone")


def owners_are_even_and_sticky(trial: Trial, limit: float) -> Measured:
    """Look at the owners, kill a rack daemon and start it: each BMC keeps its owner."""
    before = owners(trial)
    if wrong := uneven_owners(before, [rack.rack for rack in trial.fleet.racks]):
        raise CheckFailed(wrong)
    rack = trial.pick_rack()
    event, since = trial.newest_event(), trial.clocks.seconds()
    trial.programs.kill(rack.name)
    trial.programs.start(rack.name)
    seconds = trial.measure(since, unserved, limit)
    trial.wait_until_whole()  # a voluntary move would come after a quiet second
    moved = [str(move["name"]) for move in trial.moves_since(event) if move["name"] in before]
    moved += [bmc for bmc, owner in owners(trial).items() if owner != before[bmc]]
    if moved:
        raise CheckFailed(f"moved with no need: {', '.join(sorted(set(moved)))}", seconds)
    loads = Counter(before.values())
    told = ", ".join(f"{name} {loads[name]}" for name in sorted(loads))
    return Measured(
        seconds=seconds, detail=f"{told} BMCs; {rack.rack} killed and started, none moved"
    )


CHECKS = (
    Check(
        promise="P4",
        name="one rack alone: a power order is done",
        limit_seconds=5,
        run=one_rack_alone,
        needs_bmcs=True,
    ),
    Check(
        promise="P11",
        name="owners of BMCs are shown, even and sticky",
        limit_seconds=5,
        run=owners_are_even_and_sticky,
        needs_bmcs=True,
    ),
    Check(
        promise="P28",
        name="on, off, cycle, query do what the BMC's log says",
        limit_seconds=5,
        run=every_action_does_what_it_says,
        needs_bmcs=True,
    ),
)
