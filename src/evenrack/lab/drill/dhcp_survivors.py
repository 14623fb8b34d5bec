"""M16: what becomes of the server that is left when the other one of its pair is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evenrack.errors import ApiRefused
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp_sight import refuse_felt, served_vlan, side_of, wait_for
from evenrack.lab.drill.trial import Trial

_APART = "communications-interrupted"
_APART_SECONDS = 10.0
_APPLIED_SECONDS = 15.0
_LONGEST_WAIT = 2.0
"""A question that comes while a server restarts is asked again a second later."""
_SHORT_MCLT = 15
"""Seconds; with the default the one that was lost would serve nobody for an hour afterwards."""


def a_survivor_restarts(trial: Trial, limit: float) -> Measured:
    """Let the server that is left take an urgent change: it restarts, and nobody waits."""
    row = served_vlan(trial)
    vlan, left = row["vlan"], side_of(row, "secondary")["rack"]
    for program in trial.programs_of(side_of(row, "primary")["rack"]):
        trial.programs.kill(program)
    _wait_for_state(trial, vlan, left, _APART)
    lease = trial.client().get(f"/api/v1/vlans/{vlan}")["lease_seconds"]
    since = trial.clocks.seconds()
    with _vlan_set(trial, vlan, "lease_seconds", lease + 1, before=lease):
        trial.client().post(f"/api/v1/dhcp/{vlan}/reconfigure", {"now": True})

        def applied() -> bool:
            now = trial.dhcp_row(vlan)
            side = _side(now, left)
            return bool(side["applied"] == now["generation"] and side["state"] == _APART)

        wait_for(trial, applied, _APPLIED_SECONDS, f"{left} did not apply the change")
        seconds = trial.clocks.seconds() - since
        felt = refuse_felt(trial, vlan, since, _LONGEST_WAIT)
    if seconds > limit:
        raise CheckFailed(f"{left} applied the change after {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{left} restarted its dhcpd, is in {_APART} again; {felt.answers} answers, none "
        f"waited over {felt.longest_wait:.2f} s",
    )


def a_dead_partner_is_told_of(trial: Trial, limit: float) -> Measured:
    """Say that a server is dead: refused while it lives, and then taken by the other one."""
    vlan = served_vlan(trial)["vlan"]
    mclt = trial.client().get(f"/api/v1/vlans/{vlan}")["mclt"]
    with _vlan_set(trial, vlan, "mclt", _SHORT_MCLT, before=mclt):
        trial.wait_until_whole()
        row = trial.dhcp_row(vlan)
        dead, left = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
        trial.programs.kill(f"{dead}/rackd")
        _wait_until_lost(trial, dead)
        _must_be_refused(trial, vlan, dead)
        trial.programs.kill(f"{dead}/dhcpd")
        _wait_for_state(trial, vlan, left, _APART)
        since = trial.clocks.seconds()
        trial.client().post(_address(vlan), {"dead": dead})
        _wait_for_state(trial, vlan, left, "partner-down")
        seconds = trial.clocks.seconds() - since
        felt = refuse_felt(trial, vlan, since, _LONGEST_WAIT)
        usable_at = trial.dhcp_row(vlan)["partner_down"]["usable_at"]
        trial.restore()  # before mclt is what it was: the one that comes back waits for that
        trial.wait_until_whole()
    if seconds > limit:
        raise CheckFailed(f"{left} was in partner-down only after {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"refused while the dhcpd of {dead} lived; {left} in partner-down, all addresses "
        f"from {usable_at}; {felt.answers} answers; normal again when {dead} was back",
    )


@contextmanager
def _vlan_set(trial: Trial, vlan: str, name: str, value: int, *, before: int) -> Iterator[None]:
    """Give a VLAN another setting for a while."""
    trial.client().patch(f"/api/v1/vlans/{vlan}", {name: value})
    try:
        yield
    finally:
        trial.client().patch(f"/api/v1/vlans/{vlan}", {name: before})


def _must_be_refused(trial: Trial, vlan: str, dead: str) -> None:
    try:
        trial.client().post(_address(vlan), {"dead": dead})
    except ApiRefused as refusal:
        if "still hears" not in str(refusal):
            raise CheckFailed(f"partner-down was refused for another reason: {refusal}") from None
    else:
        raise CheckFailed(f"the living dhcpd of {dead} was called dead")


def _wait_until_lost(trial: Trial, rack: str) -> None:
    def lost() -> bool:
        racks = trial.must_look().status["racks"]
        return any(each["hostname"] == rack and not each["connections"] for each in racks)

    wait_for(trial, lost, _APART_SECONDS, f"{rack} is not shown as lost")


def _wait_for_state(trial: Trial, vlan: str, rack: str, state: str) -> None:
    wait_for(
        trial,
        lambda: _side(trial.dhcp_row(vlan), rack)["state"] == state,
        _APART_SECONDS,
        f"the dhcpd of {rack} is not in {state}",
    )


def _side(row: dict[str, Any], rack: str) -> dict[str, Any]:
    return next(side for side in row["sides"] if side["rack"] == rack)


def _address(vlan: str) -> str:
    return f"/api/v1/dhcp/{vlan}/partner-down"


CHECKS = (
    Check(
        promise="M16",
        name="a survivor restarts for an urgent change, and nobody waits",
        limit_seconds=5,
        run=a_survivor_restarts,
        needs_network=True,
    ),
    Check(
        promise="M16",
        name="a server is called dead: refused while it lives, taken when it is dead",
        limit_seconds=5,
        run=a_dead_partner_is_told_of,
        needs_network=True,
    ),
)
