"""P9 and M12: the roles of a pair are exchanged in its files, and no client waits for that."""

from typing import Any

from evenrack.lab.dhcp_state import NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.dhcp.dhcp_pairs import stanza_of
from evenrack.lab.drill.dhcp.dhcp_sight import (
    felt_and_after,
    refuse_long_waits,
    served_vlan,
    side_of,
)
from evenrack.lab.drill.dhcp.lost_rack import rack_lost_and_back
from evenrack.lab.drill.trial import Trial

_LONGEST_WAIT = 2.0
_IN_AN_EXCHANGE = 4.0
"""Both servers restart: who asks each second may find the one and then the other restarting."""
_LATE_SECONDS = 5.0
_LOOK_SECONDS = 0.02


def the_files_follow_when_it_is_back(trial: Trial, limit: float) -> Measured:
    """See that the successor of a lost primary is the primary in the files when that is back."""
    gone, back = trial.once(rack_lost_and_back)
    seconds = back.followed_after
    if seconds is None:
        raise CheckFailed(f"{gone.successor} is not the primary of {gone.vlan} in its file")
    if seconds > limit:
        raise CheckFailed(f"the files followed only after {seconds:.1f} s", seconds)
    refuse_long_waits(back.felt, gone.vlan, _LONGEST_WAIT)
    return Measured(
        seconds=seconds,
        detail=f"{gone.vlan}: {gone.successor} primary in its file, {gone.rack} secondary; "
        f"{back.felt.answers} answers, none waited over {back.felt.longest_wait:.2f} s",
    )


def a_drained_primary_gives_its_role_away(trial: Trial, limit: float) -> Measured:
    """Drain a primary: the old one restarts first, and no client waits for long."""
    row = served_vlan(trial)
    old, new = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
    since, address = trial.clocks.seconds(), f"/api/v1/drains/rack:{old}"
    trial.client().post(address, {"message": "the drill"})
    try:
        seconds = until_exchanged(trial, row, old, new, since, limit + _LATE_SECONDS)
        felt = felt_and_after(trial, row["vlan"], since)
    finally:
        trial.client().delete(address)
    if seconds > limit:
        raise CheckFailed(f"the roles were exchanged only after {seconds:.2f} s", seconds)
    refuse_long_waits(felt, row["vlan"], _IN_AN_EXCHANGE)
    return Measured(
        seconds=seconds,
        detail=f"{row['vlan']}: {new} primary instead of {old}; {felt.answers} answers, "
        f"none waited over {felt.longest_wait:.2f} s",
    )


def until_exchanged(
    trial: Trial, row: dict[str, Any], old: str, new: str, since: float, patience: float
) -> float:
    """Wait until both are normal in their new roles; never may both files say `primary`."""

    def exchanged() -> bool:
        if all(_is_primary(trial, row, rack) for rack in (new, old)):
            raise NeverMayBe(f"{old} and {new} were both the primary of {row['vlan']}")
        sides = {side["rack"]: side for side in trial.dhcp_row(row["vlan"])["sides"]}
        return all(side["state"] == NORMAL for side in sides.values()) and (
            sides[new]["role"] == "primary"
        )

    if not trial.clocks.wait_until(exchanged, seconds=patience, every=_LOOK_SECONDS):
        raise CheckFailed(f"{new} is not the primary of {row['vlan']} in its file")
    return trial.clocks.seconds() - since


def _is_primary(trial: Trial, row: dict[str, Any], rack: str) -> bool:
    sides = [{**side, "role": "primary"} for side in row["sides"] if side["rack"] == rack]
    try:
        return bool(stanza_of(trial, {**row, "sides": sides}, "primary"))
    except CheckFailed:
        return False


CHECKS = (
    Check(
        promise="P9",
        name="the lost rack is back: the files follow the designation, and nobody waits",
        limit_seconds=15,
        run=the_files_follow_when_it_is_back,
        judges=rack_lost_and_back,
        needs_network=True,
    ),
    Check(
        promise="M12",
        name="a primary is drained: its roles are exchanged, and nobody waits",
        limit_seconds=12,
        run=a_drained_primary_gives_its_role_away,
        needs_network=True,
    ),
)
