"""M10: who is behind a relay is served by the pair of the VLAN that relays, and by each of it."""

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import crowd_at, refuse_given_twice
from evenrack.lab.drill.dhcp.dhcp_pairs import let_it_be_written, wait_until_both_know
from evenrack.lab.drill.dhcp.dhcp_sight import refuse_long_waits, side_of, wait_for
from evenrack.lab.drill.dhcp.far_vlan import FAR, FarVlan, far_vlan
from evenrack.lab.drill.dhcp.lease_files import shared_vlan
from evenrack.lab.drill.trial import Trial
from evenrack.lab.traffic.newcomers import Pace
from evenrack.lab.traffic.real_client import ask_for_lease

_CROWD = Pace(per_second=8, most=40, hold_seconds=None, covet=True)
"""Fewer than half of the addresses: a secondary that is left has no more at first."""
_BEFORE = 10
"""So many come while both serve."""
_CROWD_SECONDS = 20.0
_KNOWN_SECONDS = 5.0


def a_relayed_vlan_outlives_a_server(trial: Trial, limit: float) -> Measured:
    """Let clients come behind a relay, and kill the primary's host meanwhile."""
    row = shared_vlan(trial)
    here, servers = row["vlan"], {side["address"]: side["rack"] for side in row["sides"]}
    dead, left = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
    with far_vlan(trial, here) as far:
        began_at = trial.clocks.now().replace(microsecond=0)
        lease = ask_for_lease(far.client.host, FAR)
        address, by = str(lease.address), str(lease.server)
        _refuse_wrong_lease(far, servers, address, by)
        let_it_be_written(far.client.host, FAR)
        wait_until_both_know(
            trial, address, servers[by], servers.values(), began_at, _KNOWN_SECONDS
        )
        with crowd_at(trial, far.client, _CROWD) as crowd:
            few = f"fewer than {_BEFORE} clients were served behind the relay"
            wait_for(trial, lambda: len(crowd.leases()) >= _BEFORE, _CROWD_SECONDS, few)
            for program in trial.programs_of(dead):
                trial.programs.kill(program)
            crowd.wait(_CROWD_SECONDS)
            felt, leases = crowd.felt(), crowd.leases()
        promises = refuse_given_twice(trial)
        trial.restore()
        trial.wait_until_whole()
    for given in leases:
        _refuse_wrong_lease(far, servers, given["address"], given["server"])
    refuse_long_waits(felt, f"{FAR}, relayed by {here},", limit)
    served = [servers[given["server"]] for given in leases]
    if {dead, left} != set(served):
        raise CheckFailed(f"all {len(served)} leases behind the relay are from {served[0]}")
    return Measured(
        seconds=felt.longest_wait,
        detail=f"behind a relay on {here} udhcpc got {address} from {servers[by]}, and both "
        f"know of it; of {len(served)} newcomers {dead} served {served.count(dead)}, and when it "
        f"was killed {left} {served.count(left)}; none waited over "
        f"{felt.longest_wait:.2f} s; {promises} promises, no address twice",
    )


def _refuse_wrong_lease(far: FarVlan, servers: dict[str, str], address: str, by: str) -> None:
    """See that an address is one of the far VLAN's, from one of the pair."""
    if address not in far.addresses or by not in servers:
        raise CheckFailed(f"{by} gave {address} behind the relay; the servers are {servers}")


CHECKS = (
    Check(
        promise="M10",
        name="behind a relay: the pair serves, its primary is killed, and nobody waits",
        limit_seconds=2,
        run=a_relayed_vlan_outlives_a_server,
        needs_network=True,
    ),
)
