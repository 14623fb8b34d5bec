"""M9: a VLAN that dhcpd refuses keeps what it has, and harms no other."""

from evenrack.lab.dhcp_state import NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import (
    felt_and_after,
    refuse_long_waits,
    served_vlans,
    wait_for,
)
from evenrack.lab.drill.dhcp.partners import vlan_set
from evenrack.lab.drill.trial import Trial

_REFUSED = "default-lease-time soon;"
"""Of the form that is asked for, and nothing that dhcpd takes: `no-such-statement;` it does."""
_NAME = "drill-bad"
_LONGEST_WAIT = 2.0
_MENDED_SECONDS = 15.0


def a_bad_vlan_harms_no_other(trial: Trial, limit: float) -> Measured:
    """Give one VLAN a snippet that dhcpd refuses, and change the others: they follow."""
    bad, *others = sorted(served_vlans(trial))
    if not others:
        raise CheckFailed("this check needs two VLANs with clients and a pair")
    client, other = trial.client(), others[0]
    lease = client.get(f"/api/v1/vlans/{other}")["lease_seconds"]
    since = trial.clocks.seconds()
    client.post("/api/v1/snippets", {"name": _NAME, "level": "vlan", "of": bad, "text": _REFUSED})
    try:
        with vlan_set(trial, other, "lease_seconds", lease + 1, before=lease):
            wait_for(trial, lambda: _is_applied(trial, other), limit, f"{other} was not changed")
            seconds = trial.clocks.seconds() - since
            wait_for(trial, lambda: _is_told(trial, bad), limit, f"nobody is told of {bad}")
            felt = {vlan: felt_and_after(trial, vlan, since) for vlan in (bad, other)}
    finally:
        client.delete(f"/api/v1/snippets/{_NAME}")
    wait_for(trial, lambda: _is_applied(trial, bad), _MENDED_SECONDS, f"{bad} was not mended")
    for vlan, it in felt.items():
        refuse_long_waits(it, vlan, _LONGEST_WAIT)
    return Measured(
        seconds=seconds,
        detail=f"{other} was changed while dhcpd refused {bad}, which was served as before; "
        f"{sum(it.answers for it in felt.values())} answers, none waited over "
        f"{max(it.longest_wait for it in felt.values()):.2f} s",
    )


def _is_applied(trial: Trial, vlan: str) -> bool:
    row = trial.dhcp_row(vlan)
    return all(
        side["applied"] == row["generation"] and side["state"] == NORMAL and not side["error"]
        for side in row["sides"]
    )


def _is_told(trial: Trial, vlan: str) -> bool:
    sides = trial.dhcp_row(vlan)["sides"]
    return all(side["error"] and side["state"] == NORMAL for side in sides)


CHECKS = (
    Check(
        promise="M9",
        name="dhcpd refuses one VLAN: that one is served as before, and others are changed",
        limit_seconds=10,
        run=a_bad_vlan_harms_no_other,
        needs_network=True,
    ),
)
