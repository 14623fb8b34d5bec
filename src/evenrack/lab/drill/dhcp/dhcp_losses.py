"""P1, P9, P15 and P25: what clients feel when a server, its rack or the rack daemon is lost."""

from typing import Any

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import (
    answers_since,
    refuse_felt,
    refuse_long_waits,
    served_vlan,
    side_of,
    wait_for,
)
from evenrack.lab.drill.dhcp.lost_rack import LATE_SECONDS, rack_lost_and_back
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import DHCP_HOLD_DOWN_SECONDS

_OUTAGE_SECONDS = 6.0
"""How long clients ask after a loss before it is counted what they felt."""
_KILL_LIMIT = 2.0
"""Whoever asked a server at the moment when it was killed asks again after a second."""
_ROLE_MOVES = frozenset({"dhcp primary", "dhcp secondary"})


def rack_host_killed(trial: Trial, limit: float) -> Measured:
    """Kill the daemons of a primary's host: its clients are answered by the secondary."""
    row = served_vlan(trial)
    rack = side_of(row, "primary")["rack"]
    since = trial.clocks.seconds()
    for program in trial.programs_of(rack):
        trial.programs.kill(program)
    return _felt_by_clients(trial, row, since, limit, f"{rack} and its dhcpd killed")


def rack_host_cut(trial: Trial, limit: float) -> Measured:
    """Cut a primary's host: the secondary does not know, and answers who has asked for 3 s."""
    row = served_vlan(trial)
    rack = side_of(row, "primary")["rack"]
    since = trial.clocks.seconds()
    trial.cut(rack)
    return _felt_by_clients(trial, row, since, limit, f"{rack} cut off")


def a_lease_is_renewed_by_the_other(trial: Trial, limit: float) -> Measured:
    """Kill the primary's dhcpd: a client that rebinds keeps its address."""
    row = served_vlan(trial)
    vlan, began = row["vlan"], trial.clocks.seconds()
    wait_for(trial, lambda: bool(answers_since(trial, vlan, began, "rebind")), 10, "nobody rebinds")
    before = answers_since(trial, vlan, began, "rebind")[-1]
    lost = next(side for side in row["sides"] if side["address"] == before["server"])
    other = next(side for side in row["sides"] if side is not lost)
    trial.programs.hang(f"{lost['rack']}/rackd")  # or it would start its server again at once
    since = trial.clocks.seconds()
    trial.programs.kill(f"{lost['rack']}/dhcpd")

    def renewals() -> list[dict[str, Any]]:
        # the one that is killed may have answered once more before it died
        answers = answers_since(trial, vlan, since, "rebind")
        return [answer for answer in answers if answer["server"] == other["address"]]

    late = "the client was not answered by the other server"
    wait_for(trial, lambda: bool(renewals()), limit + 5, late)
    after = renewals()[0]
    if after["address"] != before["address"]:
        raise CheckFailed(f"it had {before['address']} and was given {after['address']}")
    if after["wait"] > limit:
        raise CheckFailed(f"it waited {after['wait']:.2f} s", after["wait"])
    return Measured(
        seconds=after["wait"],
        detail=f"{before['address']} of {lost['rack']}, dead, renewed by {other['rack']}",
    )


def roles_move_after_the_hold_down(trial: Trial, limit: float) -> Measured:
    """Kill a primary's daemons for good: its secondary is designated, and nobody waits."""
    gone, _ = trial.once(rack_lost_and_back)
    seconds = gone.designated_after
    if seconds is None:
        raise CheckFailed(f"{gone.successor} was not designated")
    if not DHCP_HOLD_DOWN_SECONDS <= seconds <= limit:
        raise CheckFailed(f"it was designated after {seconds:.1f} s", seconds)
    refuse_long_waits(gone.felt, gone.vlan, _KILL_LIMIT)
    return Measured(
        seconds=seconds,
        detail=f"{gone.vlan}: {gone.successor} designated instead of {gone.rack}; "
        f"{gone.felt.answers} answers, none waited over {gone.felt.longest_wait:.2f} s",
    )


def a_restarted_rack_daemon_leaves_dhcp_alone(trial: Trial, limit: float) -> Measured:
    """Restart a rack daemon: its server runs on, no role moves, and no client waits."""
    row = served_vlan(trial)
    rack = side_of(row, "primary")["rack"]
    server, event = trial.pid_of(f"{rack}/dhcpd"), trial.newest_event()
    since = trial.clocks.seconds()
    trial.programs.stop(f"{rack}/rackd")
    trial.programs.start(f"{rack}/rackd")
    trial.wait_until_whole()
    # by what was told: a lab that waits to be whole mends roles that were moved
    if moved := [m for m in trial.moves_since(event) if m["what"] in _ROLE_MOVES]:
        told = ", ".join(f"{move['what']} of {move['name']}" for move in moved)
        raise CheckFailed(f"roles moved: {told}")
    if trial.pid_of(f"{rack}/dhcpd") != server:
        raise CheckFailed(f"the DHCP server of {rack} was restarted with its daemon")
    felt = refuse_felt(trial, row["vlan"], since, limit)
    return Measured(
        seconds=felt.longest_wait, detail=f"dhcpd of {rack} ran on, with {felt.answers} answers"
    )


def _felt_by_clients(
    trial: Trial, row: dict[str, Any], since: float, limit: float, deed: str
) -> Measured:
    trial.clocks.sleep(_OUTAGE_SECONDS)
    felt = refuse_felt(trial, row["vlan"], since, limit)
    return Measured(
        seconds=felt.longest_wait,
        detail=f"{deed}: {felt.answers} clients of {row['vlan']} answered, none lost",
    )


CHECKS = (
    Check(
        promise="P1",
        name="rack host killed: no DHCP client waits long",
        limit_seconds=_KILL_LIMIT,
        run=rack_host_killed,
        needs_network=True,
    ),
    Check(
        promise="P1",
        name="rack host cut: no DHCP client waits long",
        limit_seconds=5,
        run=rack_host_cut,
        needs_network=True,
    ),
    Check(
        promise="P9",
        name="a lost rack's roles move after the hold-down, and service goes on",
        limit_seconds=DHCP_HOLD_DOWN_SECONDS + LATE_SECONDS,
        run=roles_move_after_the_hold_down,
        judges=rack_lost_and_back,
        needs_network=True,
    ),
    Check(
        promise="P15",
        name="primary's dhcpd killed: the client keeps its address at the other",
        limit_seconds=2,
        run=a_lease_is_renewed_by_the_other,
        needs_network=True,
    ),
    Check(
        promise="P25",
        name="a rack daemon restarted: DHCP is left alone",
        limit_seconds=2,
        run=a_restarted_rack_daemon_leaves_dhcp_alone,
        needs_network=True,
    ),
)
