"""The course of a drill: each check on a whole lab, which is put right again after it."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from evenrack.errors import EvenrackError
from evenrack.lab.drill.check import Check, Measured, Outcome
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.dhcp import (
    dhcp_alive,
    dhcp_bad_vlan,
    dhcp_boot,
    dhcp_cable,
    dhcp_changes,
    dhcp_dead_host,
    dhcp_hosts,
    dhcp_ipv6,
    dhcp_load,
    dhcp_losses,
    dhcp_many_changes,
    dhcp_pairs,
    dhcp_pool,
    dhcp_reboot,
    dhcp_relayed,
    dhcp_roles,
    dhcp_survivors,
    lost_rack,
    made_vlan,
)
from evenrack.lab.drill.dhcp.crowds import NEVER_TWICE
from evenrack.lab.drill.fleet import (
    balancing,
    connection_tables,
    counts,
    cut_hosts,
    failover,
    finding_regions,
    thresholds,
)
from evenrack.lab.drill.power import power, power_losses, power_queue, power_reach
from evenrack.lab.drill.stillness import Stillness
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust import (
    changes_of_trust,
    false_words,
    flood,
    impostors,
    secrecy,
    strangers,
    worn_out_trust,
)
from evenrack.lab.refusals import LabRefused


def _place(promise: str) -> tuple[bool, int]:
    """Order promises by number, and what others get wrong (`M8`) after them."""
    return promise.startswith("M"), int(promise[1:])


CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *counts.CHECKS,
            *finding_regions.CHECKS,
            *failover.CHECKS,
            *cut_hosts.CHECKS,
            *balancing.CHECKS,
            *thresholds.CHECKS,
            *connection_tables.CHECKS,
            *dhcp_boot.CHECKS,
            *dhcp_hosts.CHECKS,
            *dhcp_changes.CHECKS,
            *dhcp_losses.CHECKS,
            *dhcp_cable.CHECKS,
            *dhcp_pairs.CHECKS,
            *dhcp_bad_vlan.CHECKS,
            *dhcp_relayed.CHECKS,
            *dhcp_ipv6.CHECKS,
            *dhcp_roles.CHECKS,
            *dhcp_load.CHECKS,
            *dhcp_many_changes.CHECKS,
            *dhcp_survivors.CHECKS,
            *dhcp_pool.CHECKS,
            *dhcp_dead_host.CHECKS,
            *dhcp_alive.CHECKS,
            *dhcp_reboot.CHECKS,
            *power.CHECKS,
            *power_losses.CHECKS,
            *power_queue.CHECKS,
            *power_reach.CHECKS,
            *lost_rack.CHECKS,
            *made_vlan.CHECKS,
            *strangers.CHECKS,
            *flood.CHECKS,
            *impostors.CHECKS,
            *false_words.CHECKS,
            *worn_out_trust.CHECKS,
            *changes_of_trust.CHECKS,
            *secrecy.CHECKS,
        ),
        key=lambda check: _place(check.promise),
    )
)


def _nothing_left_broken(trial: Trial, limit: float) -> Measured:
    """Say how long the fleet took to be whole after the last deed; the course has waited."""
    if trial.whole_after > limit:
        raise CheckFailed(f"whole only after {trial.whole_after:.2f} s", trial.whole_after)
    detail = f"all {len(trial.programs.names)} programs run"
    return Measured(seconds=trial.whole_after, detail=detail)


_LEFT_AS_FOUND_SECONDS = 20.0
"""Less than a check waits for a whole lab, or being late could not be seen."""

LEFT_AS_FOUND = Check(
    promise="P1",
    name="after the drill the fleet is whole, with no operator command",
    limit_seconds=_LEFT_AS_FOUND_SECONDS,
    run=_nothing_left_broken,
)


_MOST_REPEATS = 2
"""A machine that stands still all the time cannot be measured on."""

AT_THE_END = (NEVER_TWICE, LEFT_AS_FOUND)
"""What is asked when everything else was done, whatever that was."""


def choose_checks(only: str | None) -> list[Check]:
    """Pick the checks of the promises that are named, as in `P1,P7`; all without names."""
    if only is None:
        return list(CHECKS)
    wanted = {word for word in re.split(r"[,\s]+", only.upper()) if word}
    known = {check.promise for check in CHECKS}
    if unknown := sorted(wanted - known):
        raise LabRefused(
            f"no check for {', '.join(unknown)}; there are checks for {', '.join(_in_order(known))}"
        )
    return [check for check in CHECKS if check.promise in wanted]


def without_network(checks: Sequence[Check]) -> list[Check]:
    """Leave out what a lab without a network cannot show; it has no BMCs either."""
    return [check for check in without_bmcs(checks) if not check.needs_network]


def without_bmcs(checks: Sequence[Check]) -> list[Check]:
    """Leave out what a lab without BMCs cannot show."""
    return [check for check in checks if not check.needs_bmcs]


def possible_checks(checks: Sequence[Check], trial: Trial) -> list[Check]:
    """Leave out what this lab cannot show."""
    if trial.fleet.network is None:
        return without_network(checks)
    return list(checks) if trial.fleet.bmcs else without_bmcs(checks)


def run_drill(
    checks: Sequence[Check], trial: Trial, told: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run the checks one after the other; the lab is left as it was found."""
    outcomes = []
    with Stillness(trial.clocks.seconds) as stillness:
        for check in (*checks, *possible_checks(AT_THE_END, trial)):
            outcome = _run_to_see_something(check, trial, stillness)
            outcomes.append(outcome)
            told(outcome)
    return outcomes


def report(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """Give the JSON form of a drill."""
    return {
        "ok": bool(outcomes) and all(outcome.ok for outcome in outcomes),
        "seed": seed,
        "checks": [outcome.to_json() for outcome in outcomes],
    }


def outcome_line(outcome: Outcome) -> str:
    """Write one outcome as one line."""
    verdict = "ok    " if outcome.ok else "FAILED"
    measured = "   -  " if outcome.seconds is None else f"{outcome.seconds:5.2f}s"
    return (
        f"{verdict} {outcome.promise:<4} {measured} of {outcome.limit_seconds:g} s  "
        f"{outcome.name}: {outcome.detail}"
    )


def _run_to_see_something(check: Check, trial: Trial, stillness: Stillness) -> Outcome:
    """Run a check; again if it says no and a processor stood still meanwhile, which shows nothing.

    What never may be was seen, and counts. So does what was later than the machine stood still.
    The time is the one from which on its experiment was done, perhaps for another check.
    """
    seen: list[str] = []
    while True:
        if not trial.has_done(check.judges):
            stillness.begin_anew()
        outcome = _run(check, trial)
        still = stillness.longest
        if still is None or len(seen) == _MOST_REPEATS or not _may_be_of(still, outcome):
            return evolve(outcome, detail="; ".join([outcome.detail, *seen]))
        seen.append(f"before, when a processor stood still for {still:.1f} s: {outcome.detail}")
        trial.forget(check.judges)


def _may_be_of(still: float, outcome: Outcome) -> bool:
    """Tell whether a check may say no only because the machine stood still for so long."""
    if outcome.ok or outcome.never_may_be:
        return False
    return outcome.seconds is None or outcome.seconds - still <= outcome.limit_seconds


def _run(check: Check, trial: Trial) -> Outcome:
    try:
        if check.needs_whole_lab and not trial.has_done(check.judges):
            trial.wait_until_whole()
        measured = check.run(trial, check.limit_seconds)
    except CheckFailed as failure:
        said = _outcome(check, ok=False, seconds=failure.seconds, detail=failure.detail)
        return evolve(said, never_may_be=isinstance(failure, NeverMayBe))
    except EvenrackError as error:
        return _outcome(check, ok=False, seconds=None, detail=f"{type(error).__name__}: {error}")
    finally:
        trial.restore()
    return _outcome(check, ok=True, seconds=measured.seconds, detail=measured.detail)


def _outcome(check: Check, *, ok: bool, seconds: float | None, detail: str) -> Outcome:
    return Outcome(
        promise=check.promise,
        name=check.name,
        ok=ok,
        seconds=seconds,
        limit_seconds=check.limit_seconds,
        detail=detail,
    )


def _in_order(promises: set[str]) -> list[str]:
    return sorted(promises, key=_place)
