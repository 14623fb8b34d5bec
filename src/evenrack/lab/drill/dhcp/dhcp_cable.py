"""P1: the cable of one VLAN is cut at its primary, which the rest of the fleet still reaches."""

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import crowd_on
from evenrack.lab.drill.dhcp.dhcp_sight import refuse_felt, served_vlan, side_of
from evenrack.lab.drill.dhcp.partners import vlan_set
from evenrack.lab.drill.trial import Trial
from evenrack.lab.traffic.newcomers import Pace
from evenrack.lab.traffic.wait import ASK_AGAIN_SECONDS

_OUTAGE_SECONDS = 8.0
_FAST = 10
"""The setting `max_response_delay` of a VLAN where even those are served soon who do not say that
they wait; seconds."""
_SILENT = Pace(per_second=2, most=8, hold_seconds=None, says_seconds=False)
_PATIENCE_SECONDS = 25.0


def who_waits_is_served(trial: Trial, limit: float) -> Measured:
    """Cut it with default settings: clients that say for how long they ask are answered."""
    row = served_vlan(trial)
    vlan, rack = row["vlan"], side_of(row, "primary")["rack"]
    since = trial.clocks.seconds()
    trial.programs.cut([f"{rack}:{vlan}"])
    trial.clocks.sleep(_OUTAGE_SECONDS)
    felt = refuse_felt(trial, vlan, since, limit)
    return Measured(
        seconds=felt.longest_wait,
        detail=f"{rack}:{vlan} cut: {felt.answers} clients answered, none lost",
    )


def who_says_nothing_is_served(trial: Trial, limit: float) -> Measured:
    """Cut it with a short max-response-delay: clients that always say 0 are answered, too."""
    vlan = served_vlan(trial)["vlan"]
    delay = trial.client().get(f"/api/v1/vlans/{vlan}")["max_response_delay"]
    with vlan_set(trial, vlan, "max_response_delay", _FAST, before=delay):
        trial.wait_until_whole()
        row = trial.dhcp_row(vlan)
        rack, other = side_of(row, "primary")["rack"], side_of(row, "secondary")
        trial.programs.cut([f"{rack}:{vlan}"])
        with crowd_on(trial, vlan, _SILENT) as crowd:
            crowd.wait(_PATIENCE_SECONDS)
            felt, leases = crowd.felt(), crowd.leases()
        trial.restore()
        trial.wait_until_whole()
    if felt.lost or felt.longest_wait > limit:
        raise CheckFailed(
            f"{felt.lost} were lost, one waited {felt.longest_wait:.2f} s", felt.longest_wait
        )
    if wrong := [lease for lease in leases if lease["server"] != other["address"]]:
        raise CheckFailed(f"{rack}, which was cut, answered {len(wrong)} clients")
    return Measured(
        seconds=felt.longest_wait,
        detail=f"{rack}:{vlan} cut: {felt.answers} clients with secs=0 got leases of "
        f"{other['rack']}",
    )


CHECKS = (
    Check(
        promise="P1",
        name="a VLAN's cable cut at its primary: who waits is served",
        limit_seconds=6,
        run=who_waits_is_served,
        needs_network=True,
    ),
    Check(
        promise="P1",
        name="the same with max-response-delay 10: who always says 0 is served",
        limit_seconds=_FAST + ASK_AGAIN_SECONDS,
        run=who_says_nothing_is_served,
        needs_network=True,
    ),
)
