"""P4, P8, P19 and P20: DHCP turned on and off, with one rack and with more."""

from collections.abc import Mapping
from typing import Any

from evenrack.lab.dhcp_state import ALONE, NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.dhcp.dhcp_sight import answers_since, is_in_a_file, served_vlan, wait_for
from evenrack.lab.drill.dhcp.made_vlan import vlan_deleted_and_made
from evenrack.lab.drill.trial import Trial
from evenrack.lab.inventory import turn_dhcp

_TURN_LIMIT = 10.0
_STOP_LIMIT = 8.0


def one_rack_alone_serves(trial: Trial, limit: float) -> Measured:
    """Turn DHCP on where only one rack is there: it serves, alone and without noise."""
    vlan = served_vlan(trial)["vlan"]
    event = trial.newest_event()
    since = _serve_with_one_rack(trial, vlan)
    seconds = _until_answered(trial, vlan, since, limit)
    wait_for(
        trial,
        lambda: [side["state"] for side in trial.dhcp_row(vlan)["sides"]] == [ALONE],
        limit,
        "it is not shown as alone",
    )
    (side,) = trial.dhcp_row(vlan)["sides"]
    moves = [m for m in trial.moves_since(event) if _is_secondary_of(vlan, m)]
    if moves:
        raise NeverMayBe(f"there is nobody to be secondary, and yet: {moves}", seconds)
    return Measured(seconds=seconds, detail=f"{vlan}: {side['rack']} alone answered clients")


def a_second_rack_makes_a_pair(trial: Trial, limit: float) -> Measured:
    """Add a second rack where one serves alone: they become a pair with no command."""
    vlan = served_vlan(trial)["vlan"]
    _until_answered(trial, vlan, _serve_with_one_rack(trial, vlan), _TURN_LIMIT)
    first = trial.dhcp_row(vlan)["sides"][0]["rack"]
    since = trial.clocks.seconds()
    for program in trial.programs.dead():
        trial.programs.start(program)
    return _until_pair(trial, vlan, since, limit, f"{first} served alone before")


def dhcp_on_makes_a_pair(trial: Trial, limit: float) -> Measured:
    """Turn DHCP on where several racks are: a pair at once."""
    vlan = served_vlan(trial)["vlan"]
    _turn_off(trial, vlan)
    since = trial.clocks.seconds()
    _turn_on(trial, vlan)
    return _until_pair(trial, vlan, since, limit, "DHCP turned on")


def changes_take_effect(trial: Trial, limit: float) -> Measured:
    """Turn DHCP off, then delete the VLAN: nobody serves it, and the others go on."""
    made = trial.once(vlan_deleted_and_made)
    if made.off_after > limit:
        raise CheckFailed(f"{made.vlan} was off only after {made.off_after:.2f} s", made.off_after)
    return Measured(
        seconds=made.off_after,
        detail=f"{made.vlan} off after {made.off_after:.2f} s, deleted, and made again",
    )


def _serve_with_one_rack(trial: Trial, vlan: str) -> float:
    """Leave one of the VLAN's racks, with DHCP off, and turn it on; give when that was."""
    _turn_off(trial, vlan)
    racks = trial.racks_on(vlan)
    for rack in racks[1:]:
        trial.programs.stop(f"{rack}/rackd")
    wait_for(
        trial,
        lambda: all(_is_off(trial.must_look().status, rack) for rack in racks[1:]),
        _STOP_LIMIT,
        "stopped racks are still counted as connected",
    )
    since = trial.clocks.seconds()
    _turn_on(trial, vlan)
    return since


def _turn_on(trial: Trial, vlan: str) -> None:
    trial.forget_leases(vlan)
    turn_dhcp(trial.client(), vlan, on=True)


def _turn_off(trial: Trial, vlan: str) -> None:
    turn_dhcp(trial.client(), vlan, on=False)
    wait_for(
        trial,
        lambda: not trial.dhcp_row(vlan)["sides"],
        _TURN_LIMIT,
        f"{vlan} is still served with DHCP off",
    )
    wait_for(
        trial,
        lambda: not is_in_a_file(trial, vlan, trial.racks_on(vlan)),
        _TURN_LIMIT,
        f"{vlan} is still in a file with DHCP off",
    )


def _until_answered(trial: Trial, vlan: str, since: float, limit: float) -> float:
    wait_for(
        trial,
        lambda: bool(answers_since(trial, vlan, since, "discover")),
        limit,
        f"nobody was answered on {vlan}",
    )
    return float(answers_since(trial, vlan, since, "discover")[0]["mono"]) - since


def _is_secondary_of(vlan: str, move: Mapping[str, Any]) -> bool:
    """Tell whether a rack became this VLAN's secondary; those of others may move meanwhile."""
    return move["name"] == vlan and move["what"] == "dhcp secondary" and bool(move["to"])


def _until_pair(trial: Trial, vlan: str, since: float, limit: float, deed: str) -> Measured:
    def is_pair() -> bool:
        sides = trial.dhcp_row(vlan)["sides"]
        return len(sides) > 1 and all(side["state"] == NORMAL for side in sides)

    wait_for(trial, is_pair, limit, f"{vlan} is no pair")
    seconds = trial.clocks.seconds() - since
    racks = " and ".join(side["rack"] for side in trial.dhcp_row(vlan)["sides"])
    return Measured(seconds=seconds, detail=f"{vlan}: {racks} are normal ({deed})")


def _is_off(status: dict[str, Any], rack: str) -> bool:
    return any(row["hostname"] == rack and not row["connections"] for row in status["racks"])


CHECKS = (
    Check(
        promise="P4",
        name="one rack alone serves DHCP",
        limit_seconds=5,
        run=one_rack_alone_serves,
        needs_network=True,
    ),
    Check(
        promise="P8",
        name="DHCP turned off, VLAN deleted: nobody serves it any more",
        limit_seconds=8,
        run=changes_take_effect,
        judges=vlan_deleted_and_made,
        needs_network=True,
    ),
    Check(
        promise="P19",
        name="DHCP turned on with two racks there: a pair at once",
        limit_seconds=8,
        run=dhcp_on_makes_a_pair,
        needs_network=True,
    ),
    Check(
        promise="P20",
        name="DHCP on with one rack, a second one added: a pair by itself",
        limit_seconds=10,
        run=a_second_rack_makes_a_pair,
        needs_network=True,
    ),
)
