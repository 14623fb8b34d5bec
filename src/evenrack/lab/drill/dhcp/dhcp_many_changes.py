"""M14: a hundred changes in a row on a busy fleet, and no client waits for them."""

from typing import Any

from evenrack.lab.dhcp_state import NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import (
    AFTER_SECONDS,
    felt_on,
    refuse_long_waits,
    served_vlans,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.traffic.meter import Felt

_CHANGES = 100
_BETWEEN_SECONDS = 0.2
_LONGEST_WAIT = 2.0
_LATE_SECONDS = 20.0
_LOOK_SECONDS = 0.2


def no_change_is_felt(trial: Trial, limit: float) -> Measured:
    """Change the lease time of one VLAN after the other; each change restarts two servers."""
    vlans = sorted(served_vlans(trial))
    client = trial.client()
    before = {vlan: client.get(f"/api/v1/vlans/{vlan}")["lease_seconds"] for vlan in vlans}
    event, since = trial.newest_event(), trial.clocks.seconds()
    try:
        for number in range(_CHANGES):
            vlan = vlans[number % len(vlans)]
            client.patch(f"/api/v1/vlans/{vlan}", {"lease_seconds": before[vlan] + number + 1})
            trial.clocks.sleep(_BETWEEN_SECONDS)
        seconds = _until_applied(trial, vlans, since, limit)
        trial.clocks.sleep(AFTER_SECONDS)
        felt = [_felt(trial, vlan, since) for vlan in vlans]
        turns = sum(" has its turn " in each["text"] for each in trial.events_since(event))
    finally:
        for vlan in vlans:
            client.patch(f"/api/v1/vlans/{vlan}", {"lease_seconds": before[vlan]})
    return Measured(
        seconds=seconds,
        detail=f"{_CHANGES} changes on {len(vlans)} VLANs, all applied by both servers of each in "
        f"{turns} restarts; {sum(it.answers for it in felt)} answers, none waited over "
        f"{max(it.longest_wait for it in felt):.2f} s",
    )


def _felt(trial: Trial, vlan: str, since: float) -> Felt:
    felt = felt_on(trial, vlan, since)
    refuse_long_waits(felt, vlan, _LONGEST_WAIT)
    return felt


def _until_applied(trial: Trial, vlans: list[str], since: float, limit: float) -> float:
    lacking: list[str] = []

    def all_applied() -> bool:
        lacking[:] = [vlan for vlan in vlans if not _is_applied(trial.dhcp_row(vlan))]
        return not lacking

    patience = limit + _LATE_SECONDS
    in_time = trial.clocks.wait_until(all_applied, seconds=patience, every=_LOOK_SECONDS)
    seconds = trial.clocks.seconds() - since
    if not in_time:
        raise CheckFailed(f"the changes of {', '.join(lacking)} were not applied", seconds)
    if seconds > limit:
        raise CheckFailed(f"all was applied only after {seconds:.1f} s", seconds)
    return seconds


def _is_applied(row: dict[str, Any]) -> bool:
    return all(
        side["applied"] == row["generation"] and side["state"] == NORMAL for side in row["sides"]
    )


CHECKS = (
    Check(
        promise="M14",
        name="100 changes in a row on all VLANs: each is applied, and nobody waits",
        limit_seconds=60,
        run=no_change_is_felt,
        needs_network=True,
    ),
)
