"""M16: when a server is called dead, every address of the pool is usable after one MCLT."""

from collections.abc import Sequence

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import crowd_on, ledger_lines, refuse_given_twice
from evenrack.lab.drill.dhcp.dhcp_sight import answers_since, served_vlan, side_of
from evenrack.lab.drill.dhcp.more_addresses import more_addresses
from evenrack.lab.drill.dhcp.partners import (
    SHORT_MCLT,
    begin_anew,
    call_dead,
    kill_daemons,
    vlan_set,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.traffic.ledger import acknowledgements
from evenrack.lab.traffic.newcomers import Pace

PREFIX = 27
"""Of a small subnet. That no client ever had its addresses matters: where the lost server gave one
away, as to a client of the lab's own that asks now and then, it is kept for that client for as long
as it may have been promised."""
CROWD = Pace(per_second=40, most=140, hold_seconds=None, covet=True)
"""More than there are addresses on the VLAN."""
_BEFORE_SECONDS = 9.0
"""Time enough for all that is not locked: to come, and to be answered by one server alone."""
_LATE_SECONDS = 5.0


def every_address_is_usable(trial: Trial, limit: float) -> Measured:
    """Lose a primary for good, say that it is dead, and let more clients come than are free."""
    vlan = served_vlan(trial)["vlan"]
    mclt = trial.client().get(f"/api/v1/vlans/{vlan}")["mclt"]
    since = trial.clocks.seconds()
    with (
        vlan_set(trial, vlan, "mclt", SHORT_MCLT, before=mclt),
        more_addresses(trial, vlan, PREFIX) as made,
    ):
        row = trial.dhcp_row(vlan)
        side, left = side_of(row, "primary"), side_of(row, "secondary")["rack"]
        dead, address = side["rack"], side["address"]
        kill_daemons(trial, vlan, dead, left)
        with crowd_on(trial, vlan, CROWD):
            trial.clocks.sleep(_BEFORE_SECONDS)
            pool = made - given_by(trial, address, since)
            before = len(given_by_others(trial, vlan, address, since) & pool)
            call_dead(trial, vlan, dead)
            called = trial.clocks.seconds()
            trial.clocks.wait_until(
                lambda: given_by_others(trial, vlan, address, since) >= pool,
                seconds=limit + _LATE_SECONDS,
                every=0.2,
            )
            seconds = trial.clocks.seconds() - called
            missing = sorted(pool - given_by_others(trial, vlan, address, since))
            promises = refuse_given_twice(trial)
        begin_anew(trial, vlan)  # before mclt is what it was: the one that comes back waits for it
    if before == len(pool):
        raise CheckFailed(f"all {before} addresses were given while {dead} might live")
    _refuse_missing(missing, len(pool), seconds, limit)
    return Measured(
        seconds=seconds,
        detail=f"{vlan}: {left} gave {before} of {len(pool)} addresses, and all of them "
        f"{seconds:.1f} s after {dead} was called dead, with an MCLT of {SHORT_MCLT} s; "
        f"{promises} promises, no address twice; normal again",
    )


def _refuse_missing(missing: Sequence[str], total: int, seconds: float, limit: float) -> None:
    if missing:
        raise CheckFailed(f"{len(missing)} of {total} were given to nobody: {missing[0]}")
    if seconds > limit:
        raise CheckFailed(f"every address was given only after {seconds:.1f} s", seconds)


def given_by(trial: Trial, server: str, since: float) -> set[str]:
    """Give the addresses that a server gave away since a moment."""
    promises = acknowledgements(ledger_lines(trial))
    return {it.address for it in promises if it.at >= since and it.server == server}


def given_by_others(trial: Trial, vlan: str, than: str, since: float) -> set[str]:
    """Give the addresses that other servers than one gave away or offered since a moment."""
    promises = acknowledgements(ledger_lines(trial))
    offers = answers_since(trial, vlan, since, "discover")
    acknowledged = {it.address for it in promises if it.at >= since and it.server != than}
    return acknowledged | {offer["address"] for offer in offers if offer["server"] != than}


CHECKS = (
    Check(
        promise="M16",
        name="a server is called dead: every address is usable after one MCLT",
        limit_seconds=SHORT_MCLT + 5,
        run=every_address_is_usable,
        needs_network=True,
    ),
)
