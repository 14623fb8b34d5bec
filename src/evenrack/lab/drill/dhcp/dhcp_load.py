"""M12: the roles of a pair are exchanged while 200 new clients come a second."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import crowd_on, refuse_given_twice
from evenrack.lab.drill.dhcp.dhcp_roles import until_exchanged
from evenrack.lab.drill.dhcp.dhcp_sight import (
    dhcp_file,
    felt_on,
    refuse_long_waits,
    served_vlan,
    side_of,
    wait_for,
)
from evenrack.lab.drill.dhcp.lease_files import held_leases
from evenrack.lab.drill.dhcp.more_addresses import more_addresses
from evenrack.lab.drill.trial import Trial
from evenrack.lab.traffic.newcomers import Pace

_CROWD = Pace(per_second=200, most=1400, hold_seconds=None, covet=True)
_BEFORE_CLIENTS = 300
"""So many have a lease before the roles are exchanged."""
_START_SECONDS = 15.0
_ALL_SECONDS = 30.0
_EXCHANGE_SECONDS = 15.0
_SHARED_SECONDS = 20.0
"""The last four leases are written when the partner tells of a fifth, or of none for 2 s: the lab's
own clients make one in 1.7 s."""
_PREFIX = 20
"""Of a subnet with 4,000 addresses more."""


def roles_are_exchanged_under_load(trial: Trial, limit: float) -> Measured:
    """Drain a primary while many new clients come: none waits long, none loses its lease."""
    row = served_vlan(trial)
    vlan, address = row["vlan"], f"/api/v1/drains/rack:{side_of(row, 'primary')['rack']}"
    with more_addresses(trial, vlan, _PREFIX):
        row = trial.dhcp_row(vlan)
        old, new = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
        since = trial.clocks.seconds()
        with crowd_on(trial, vlan, _CROWD) as crowd:
            enough = f"{_BEFORE_CLIENTS} clients did not get a lease"
            wait_for(trial, lambda: len(crowd.leases()) >= _BEFORE_CLIENTS, _START_SECONDS, enough)
            began = trial.clocks.seconds()
            trial.client().post(address, {"message": "the drill"})
            try:
                seconds = until_exchanged(trial, row, old, new, began, _EXCHANGE_SECONDS)
                crowd.wait(_ALL_SECONDS)
            finally:
                trial.client().delete(address)
            leases, came = crowd.leases(), crowd.felt()
            rate = len(leases) / (leases[-1]["mono"] - leases[0]["mono"])
            promises = refuse_given_twice(trial)
            _wait_until_known(trial, vlan, leases)
        felt = felt_on(trial, vlan, since) + came
    refuse_long_waits(felt, vlan, limit)
    return Measured(
        seconds=felt.longest_wait,
        detail=f"{vlan}: {new} primary instead of {old} after {seconds:.2f} s, with {rate:.0f} new "
        f"clients a second; the longest wait of {felt.answers}; both know all {len(leases)} "
        f"leases; {promises} promises, no address twice",
    )


def _wait_until_known(trial: Trial, vlan: str, leases: Sequence[Mapping[str, Any]]) -> None:
    """Wait until each lease is its client's in the files of both servers.

    The drained rack may have left its place to another meanwhile, which gets them all.
    """
    lost: dict[str, Sequence[Mapping[str, Any]]] = {}

    def all_known() -> bool:
        lost.clear()
        for side in trial.dhcp_row(vlan)["sides"]:
            held = held_leases(dhcp_file(trial, side["rack"], "dhcpd.leases").read_text())
            missing = [it for it in leases if held.get(it["address"]) != it["mac"]]
            lost.update({side["rack"]: missing} if missing else {})
        return not lost

    if not trial.clocks.wait_until(all_known, seconds=_SHARED_SECONDS, every=0.5):
        rack, missing = next(iter(lost.items()))
        raise CheckFailed(
            f"{len(missing)} of {len(leases)} leases were lost at {rack}: "
            f"{missing[0]['address']} of {missing[0]['mac']}"
        )


CHECKS = (
    Check(
        promise="M12",
        name="roles are exchanged under 200 new clients a second: no lease is lost",
        limit_seconds=4,
        run=roles_are_exchanged_under_load,
        needs_network=True,
    ),
)
