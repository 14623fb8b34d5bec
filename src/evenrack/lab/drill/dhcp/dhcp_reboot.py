"""M15: with no region at all a rack host that was rebooted serves DHCP from its last plan."""

from evenrack.lab.dhcp_state import NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.crowds import crowd_on, refuse_given_twice
from evenrack.lab.drill.dhcp.dhcp_pairs import noted_state, stanza_of
from evenrack.lab.drill.dhcp.dhcp_sight import (
    answers_since,
    dhcp_file,
    felt_and_after,
    refuse_long_waits,
    side_of,
    wait_for,
)
from evenrack.lab.drill.dhcp.lease_files import shared_vlan
from evenrack.lab.drill.trial import Trial
from evenrack.lab.traffic.newcomers import Pace

_LONGEST_WAIT = 2.0
_CROWD = Pace(per_second=0.4, most=17, hold_seconds=None, covet=True)
"""They come all the time that a rack waits for a region, and a little longer."""
_CROWD_SECONDS = 30.0
_LATE_SECONDS = 5.0


def a_rebooted_rack_serves_without_regions(trial: Trial, limit: float) -> Measured:
    """Kill every region process and all of a primary's host; start its rack daemon only."""
    row = shared_vlan(trial)
    vlan, side = row["vlan"], side_of(row, "primary")
    rack, name = side["rack"], stanza_of(trial, row, "primary")[0]
    for process in trial.fleet.processes:
        trial.programs.kill(process.name)
    since = trial.clocks.seconds()
    for program in trial.programs_of(rack):
        trial.programs.kill(program)
    with crowd_on(trial, vlan, _CROWD) as crowd:
        started = trial.clocks.seconds()
        trial.programs.start(f"{rack}/rackd")
        leases = dhcp_file(trial, rack, "dhcpd.leases")

        def serves() -> bool:
            if trial.pid_of(f"{rack}/dhcpd") is None:
                return False
            seen = answers_since(trial, vlan, started, "discover")
            return noted_state(leases.read_text(), name) == NORMAL and any(
                answer["server"] == side["address"] for answer in seen
            )

        wait_for(trial, serves, limit + _LATE_SECONDS, f"{rack} serves nobody")
        seconds = trial.clocks.seconds() - started
        crowd.wait(_CROWD_SECONDS)
        came = crowd.felt()
    promises = refuse_given_twice(trial)
    felt = felt_and_after(trial, vlan, since) + came
    refuse_long_waits(felt, vlan, _LONGEST_WAIT)
    if seconds > limit:
        raise CheckFailed(f"{rack} served only after {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{rack} rebooted with no region: normal and at work from its last plan; "
        f"{felt.answers} answers, {came.answers} of them leases, none waited over "
        f"{felt.longest_wait:.2f} s; {promises} promises, no address twice",
    )


CHECKS = (
    Check(
        promise="M15",
        name="no region, and a rack host rebooted: it serves from its last plan",
        limit_seconds=35,
        run=a_rebooted_rack_serves_without_regions,
        needs_network=True,
    ),
)
