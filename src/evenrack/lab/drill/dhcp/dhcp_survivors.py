"""M16: what becomes of the server that is left when the other one of its pair is lost."""

from datetime import datetime

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import refuse_felt, served_vlan, side_of, wait_for
from evenrack.lab.drill.dhcp.lease_files import shared_vlan
from evenrack.lab.drill.dhcp.partners import (
    APART,
    SHORT_MCLT,
    begin_anew,
    call_dead,
    must_be_refused,
    side_at,
    vlan_set,
    wait_for_state,
    wait_until_lost,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.events import PAGE, newest_events

_APPLIED_SECONDS = 15.0
_TURN_SECONDS = 20.0
"""A turn that did not lead to `normal` is over after this (region.dhcp_watch)."""
_LONGEST_WAIT = 2.0
"""A question that comes while a server restarts is asked again a second later."""


def a_survivor_restarts(trial: Trial, limit: float) -> Measured:
    """Let the server that is left take an urgent change: it restarts, and nobody waits."""
    _wait_for_a_settled_leader(trial)
    row = shared_vlan(trial)
    vlan, left = row["vlan"], side_of(row, "secondary")["rack"]
    for program in trial.programs_of(side_of(row, "primary")["rack"]):
        trial.programs.kill(program)
    wait_for_state(trial, vlan, left, APART)
    lease = trial.client().get(f"/api/v1/vlans/{vlan}")["lease_seconds"]
    since = trial.clocks.seconds()
    with vlan_set(trial, vlan, "lease_seconds", lease + 1, before=lease):
        trial.client().post(f"/api/v1/dhcp/{vlan}/reconfigure", {"now": True})

        def applied() -> bool:
            now = trial.dhcp_row(vlan)
            side = side_at(now, left)
            return bool(side["applied"] == now["generation"] and side["state"] == APART)

        wait_for(trial, applied, _APPLIED_SECONDS, f"{left} did not apply the change")
        seconds = trial.clocks.seconds() - since
        felt = refuse_felt(trial, vlan, since, _LONGEST_WAIT)
    if seconds > limit:
        raise CheckFailed(f"{left} applied the change after {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{left} restarted its dhcpd, is in {APART} again; {felt.answers} answers, none "
        f"waited over {felt.longest_wait:.2f} s",
    )


def _wait_for_a_settled_leader(trial: Trial) -> None:
    """Wait until who leads knows that no turn of before is open: it counts from its own start."""

    def is_settled() -> bool:
        now, events = trial.clocks.now(), newest_events(trial.client(), PAGE)
        begun = [datetime.fromisoformat(it["at"]) for it in events if it["kind"] == "leader"]
        return all((now - at).total_seconds() > _TURN_SECONDS for at in begun)

    wait_for(trial, is_settled, 2 * _TURN_SECONDS, "who leads changes again and again")


def a_dead_partner_is_told_of(trial: Trial, limit: float) -> Measured:
    """Say that a server is dead: refused while it lives, and then taken by the other one."""
    vlan = served_vlan(trial)["vlan"]
    mclt = trial.client().get(f"/api/v1/vlans/{vlan}")["mclt"]
    with vlan_set(trial, vlan, "mclt", SHORT_MCLT, before=mclt):
        trial.wait_until_whole()
        row = trial.dhcp_row(vlan)
        dead, left = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
        trial.programs.kill(f"{dead}/rackd")
        wait_until_lost(trial, dead)
        must_be_refused(trial, vlan, dead)
        trial.programs.kill(f"{dead}/dhcpd")
        wait_for_state(trial, vlan, left, APART)
        since = trial.clocks.seconds()
        call_dead(trial, vlan, dead)
        wait_for_state(trial, vlan, left, "partner-down")
        seconds = trial.clocks.seconds() - since
        felt = refuse_felt(trial, vlan, since, _LONGEST_WAIT)
        usable_at = trial.dhcp_row(vlan)["partner_down"]["usable_at"]
        begin_anew(trial, vlan)  # before mclt is what it was: the one that comes back waits for it
    if seconds > limit:
        raise CheckFailed(f"{left} was in partner-down only after {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"refused while the dhcpd of {dead} lived; {left} in partner-down, all addresses "
        f"from {usable_at}; {felt.answers} answers; normal again when {dead} was back",
    )


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
