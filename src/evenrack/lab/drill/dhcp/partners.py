"""The two servers of a pair as the checks treat them: lost, called dead, in which state."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evenrack.errors import ApiRefused
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import is_in_a_file, wait_for
from evenrack.lab.drill.trial import Trial
from evenrack.lab.inventory import turn_dhcp

APART = "communications-interrupted"
SHORT_MCLT = 15
"""Seconds; with the default the one that was lost would serve nobody for an hour afterwards."""
_APART_SECONDS = 10.0
_OFF_SECONDS = 10.0


@contextmanager
def vlan_set(trial: Trial, vlan: str, name: str, value: int, *, before: int) -> Iterator[None]:
    """Give a VLAN another setting for a while."""
    trial.client().patch(f"/api/v1/vlans/{vlan}", {name: value})
    try:
        yield
    finally:
        trial.client().patch(f"/api/v1/vlans/{vlan}", {name: before})


def call_dead(trial: Trial, vlan: str, dead: str) -> None:
    """Say that a server is dead, as an operator would: ApiRefused when it is not believed."""
    trial.client().post(f"/api/v1/dhcp/{vlan}/partner-down", {"dead": dead})


def begin_anew(trial: Trial, *vlans: str) -> None:
    """Let the one that was called dead come back, and all racks forget who served these VLANs.

    Else it would wait for mclt, an hour by default, if a later check gave it a place there again.
    """
    trial.restore()
    trial.wait_until_whole()
    for vlan in vlans:
        turn_dhcp(trial.client(), vlan, on=False)
    for vlan in vlans:

        def is_off(vlan: str = vlan) -> bool:
            sides = trial.dhcp_row(vlan)["sides"]
            return not sides and not is_in_a_file(trial, vlan, trial.racks_on(vlan))

        wait_for(trial, is_off, _OFF_SECONDS, f"{vlan} is served after its DHCP was turned off")
    trial.wait_until_whole()  # which turns it on


def must_be_refused(trial: Trial, vlan: str, dead: str) -> None:
    """See that a server which lives cannot be called dead."""
    try:
        call_dead(trial, vlan, dead)
    except ApiRefused as refusal:
        if "still hears" not in str(refusal):
            raise CheckFailed(f"partner-down was refused for another reason: {refusal}") from None
    else:
        raise CheckFailed(f"the living dhcpd of {dead} was called dead")


def wait_until_lost(trial: Trial, rack: str) -> None:
    """Wait until the regions have no connection to a rack."""

    def lost() -> bool:
        racks = trial.must_look().status["racks"]
        return any(each["hostname"] == rack and not each["connections"] for each in racks)

    wait_for(trial, lost, _APART_SECONDS, f"{rack} is not shown as lost")


def kill_daemons(trial: Trial, vlan: str, rack: str, partner: str) -> None:
    """Kill the daemons of a host, and wait until the regions and its partner know."""
    for program in trial.programs_of(rack):
        trial.programs.kill(program)
    wait_until_lost(trial, rack)
    wait_for_state(trial, vlan, partner, APART)


def wait_for_state(trial: Trial, vlan: str, rack: str, state: str) -> None:
    """Wait until a rack tells that its server is in this failover state."""
    wait_for(
        trial,
        lambda: side_at(trial.dhcp_row(vlan), rack)["state"] == state,
        _APART_SECONDS,
        f"the dhcpd of {rack} is not in {state}",
    )


def side_at(row: dict[str, Any], rack: str) -> dict[str, Any]:
    """Give a rack's side of a VLAN."""
    return next(side for side in row["sides"] if side["rack"] == rack)
