"""P9: a dead rack daemon is not a dead DHCP server, and nobody may treat it as one."""

from evenrack.lab.dhcp_state import NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import crowd_on, refuse_given_twice
from evenrack.lab.drill.dhcp.dhcp_dead_host import NEVER_SECONDS, refuse_called_dead
from evenrack.lab.drill.dhcp.dhcp_sight import (
    felt_and_after,
    refuse_long_waits,
    served_vlan,
    side_of,
)
from evenrack.lab.drill.dhcp.lost_rack import LATE_SECONDS
from evenrack.lab.drill.dhcp.partners import must_be_refused, side_at
from evenrack.lab.drill.trial import LOOK_SECONDS, Trial
from evenrack.lab.fleet import DHCP_HOLD_DOWN_SECONDS
from evenrack.lab.traffic.newcomers import Pace

_LONGEST_WAIT = 2.0
_CROWD = Pace(per_second=10, most=25, hold_seconds=None, covet=True)
"""Each first claims an address that one server gave away a moment ago. They are few enough for the
half of the addresses that is the primary's, or the last of them would wait for the other server."""
_CROWD_SECONDS = 15.0


def a_living_server_is_not_replaced(trial: Trial, limit: float) -> Measured:
    """Kill a primary's rack daemon, while its server lives: the role moves, service goes on."""
    row = served_vlan(trial)
    vlan = row["vlan"]
    old, new = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
    server, since = trial.pid_of(f"{old}/dhcpd"), trial.clocks.seconds()
    trial.programs.kill(f"{old}/rackd")
    seconds = _until_designated(trial, vlan, new, since, limit)
    with crowd_on(trial, vlan, _CROWD) as crowd:
        crowd.wait(_CROWD_SECONDS)
        came = crowd.felt()
    _watch_for_false_evidence(trial, vlan, since)
    promises = refuse_given_twice(trial)
    _refuse_replaced(trial, vlan, old, new, server)
    felt = felt_and_after(trial, vlan, since)
    trial.programs.start(f"{old}/rackd")
    trial.wait_until_whole()
    refuse_given_twice(trial)
    refuse_long_waits(felt, vlan, _LONGEST_WAIT)
    refuse_long_waits(came, vlan, _LONGEST_WAIT)
    return Measured(
        seconds=seconds,
        detail=f"{vlan}: {new} designated instead of {old}, whose dhcpd lived on and could not be "
        f"called dead; {felt.answers} answers, none waited over {felt.longest_wait:.2f} s; "
        f"{came.answers} newcomers, none over {came.longest_wait:.2f} s; {promises} promises, no "
        "address twice; normal again",
    )


def _until_designated(trial: Trial, vlan: str, new: str, since: float, limit: float) -> float:
    def designated() -> bool:
        return bool(trial.dhcp_row(vlan)["primary_rack"] == new)

    patience = limit + LATE_SECONDS
    if not trial.clocks.wait_until(designated, seconds=patience, every=LOOK_SECONDS):
        raise CheckFailed(f"{new} was not designated for {vlan}")
    seconds = trial.clocks.seconds() - since
    if not DHCP_HOLD_DOWN_SECONDS <= seconds <= limit:
        raise CheckFailed(f"{new} was designated after {seconds:.1f} s", seconds)
    return seconds


def _watch_for_false_evidence(trial: Trial, vlan: str, since: float) -> None:
    """See that the leader does not call it dead in the time in which it would do so, and more."""
    while trial.clocks.seconds() - since < NEVER_SECONDS:
        refuse_called_dead(trial.dhcp_row(vlan))
        trial.clocks.sleep(LOOK_SECONDS)


def _refuse_replaced(trial: Trial, vlan: str, old: str, new: str, server: int | None) -> None:
    """See that both servers go on as they were, and that nobody ordered or may order more."""
    row = trial.dhcp_row(vlan)
    if trial.pid_of(f"{old}/dhcpd") != server:
        raise CheckFailed(f"the dhcpd of {old} does not run any more")
    refuse_called_dead(row)
    if side_at(row, new)["state"] != NORMAL:
        raise CheckFailed(f"{vlan}: the dhcpd of {new} is {side_at(row, new)['state']}")
    must_be_refused(trial, vlan, old)


CHECKS = (
    Check(
        promise="P9",
        name="a rack daemon is lost, its dhcpd lives on: no address is given twice",
        limit_seconds=DHCP_HOLD_DOWN_SECONDS + LATE_SECONDS,
        run=a_living_server_is_not_replaced,
        needs_network=True,
    ),
)
