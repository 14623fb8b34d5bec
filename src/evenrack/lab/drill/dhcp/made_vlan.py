"""P30: a VLAN is deleted and made: it gets the racks with the fewest roles, and no other moves.

It is done once; P8 is judged by it too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import is_in_a_file, served_vlan, wait_for
from evenrack.lab.drill.trial import KEEP_SECONDS, LOOK_SECONDS, Trial
from evenrack.lab.inventory import make_vlans, turn_dhcp

_OFF_SECONDS = 10.0
_DESIGNATED_SECONDS = 10.0

Pairs = Mapping[str, tuple[str | None, str | None]]
"""The racks that are designated for each VLAN: primary, secondary."""


@frozen(kw_only=True)
class Made:
    """What became of a VLAN, and of the others."""

    vlan: str
    off_after: float
    """From when its DHCP was turned off until no server had it in its file."""
    designated_after: float | None
    """From when it was made again until it had a pair; None when it never had."""
    before: Pairs
    """Of all VLANs but this."""
    after: Pairs
    """Of this one too."""
    moves: Sequence[Mapping[str, Any]]


def vlan_deleted_and_made(trial: Trial) -> Made:
    """Turn DHCP off, delete the VLAN, and make it again, with no command to balance."""
    row = served_vlan(trial)
    vlan, racks = row["vlan"], [side["rack"] for side in row["sides"]]
    since = trial.clocks.seconds()
    turn_dhcp(trial.client(), vlan, on=False)
    served = f"{vlan} is still served"
    wait_for(trial, lambda: not is_in_a_file(trial, vlan, racks), _OFF_SECONDS, served)
    off_after = trial.clocks.seconds() - since
    trial.client().delete(f"/api/v1/vlans/{vlan}")
    before = _designations(trial)
    if vlan in before:
        raise CheckFailed(f"{vlan} was deleted and is still there", off_after)
    event, since = trial.newest_event(), trial.clocks.seconds()
    if trial.fleet.network is not None:
        trial.forget_leases(vlan)
        make_vlans(trial.client(), trial.fleet.network)

    def has_pair() -> bool:
        return None not in _designations(trial).get(vlan, (None,))

    is_pair = trial.clocks.wait_until(has_pair, seconds=_DESIGNATED_SECONDS, every=LOOK_SECONDS)
    designated_after = trial.clocks.seconds() - since
    trial.clocks.sleep(KEEP_SECONDS)
    return Made(
        vlan=vlan,
        off_after=off_after,
        designated_after=designated_after if is_pair else None,
        before=before,
        after=_designations(trial),
        moves=trial.moves_since(event),
    )


def a_vlan_gets_its_racks(trial: Trial, limit: float) -> Measured:
    """See whom a VLAN got that was made: the racks with the fewest roles; no other VLAN moved."""
    made = trial.once(vlan_deleted_and_made)
    seconds = made.designated_after
    if seconds is None:
        raise CheckFailed(f"{made.vlan} was made again, and has no pair")
    if seconds > limit:
        raise CheckFailed(f"{made.vlan} had a pair only after {seconds:.2f} s", seconds)
    wrong = unfair(made.vlan, made.before, made.after, trial.racks_on(made.vlan))
    if wrong is None:
        wrong = _unsaid(made)
    if wrong is not None:
        raise CheckFailed(wrong, seconds)
    reasons = dict.fromkeys(str(move["reason"]) for move in made.moves)
    return Measured(
        seconds=seconds,
        detail=f"{made.vlan} made again: {' and '.join(map(str, made.after[made.vlan]))} "
        f"({'; '.join(reasons)}); none of {len(made.before)} others moved",
    )


def unfair(vlan: str, before: Pairs, after: Pairs, on_it: Sequence[str]) -> str | None:
    """Say what is wrong with the designations of a VLAN that was made when the others were so."""
    if moved := [other for other in before if after.get(other) != before[other]]:
        return f"{', '.join(moved)} moved too, with no need"
    primary, secondary = after[vlan]
    if primary == secondary or {primary, secondary} - set(on_it):
        return f"{vlan} got {primary} and {secondary}; on it are {', '.join(on_it)}"
    loads = Counter(first for first, _ in before.values())
    least = min(on_it, key=lambda rack: loads[rack])
    if loads[str(primary)] > loads[least]:
        return (
            f"{primary} was primary of {loads[str(primary)]} VLANs and got {vlan} too, "
            f"{least} of {loads[least]}"
        )
    return None


def _unsaid(made: Made) -> str | None:
    said = {(move["name"], move["what"]) for move in made.moves if move["reason"]}
    for role in ("primary", "secondary"):
        if (made.vlan, f"dhcp {role}") not in said:
            return f"no event says why {made.vlan} got its {role}"
    return None


def _designations(trial: Trial) -> dict[str, tuple[str | None, str | None]]:
    return {row["vlan"]: (row["primary_rack"], row["secondary_rack"]) for row in trial.dhcp_rows()}


CHECKS = (
    Check(
        promise="P30",
        name="a VLAN is made: the racks with the fewest roles get it, no other moves",
        limit_seconds=5,
        run=a_vlan_gets_its_racks,
        judges=vlan_deleted_and_made,
        needs_network=True,
    ),
)
