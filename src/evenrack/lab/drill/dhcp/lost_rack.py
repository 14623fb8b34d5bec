"""P11 and P30: a rack is lost for longer than the hold-down, and comes back.

That takes long, so it is done once; P9 is judged by it too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from evenrack.lab.dhcp_state import NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import felt_and_after, served_vlan, side_of
from evenrack.lab.drill.power.power_sight import owners
from evenrack.lab.drill.sight import uneven_owners
from evenrack.lab.drill.trial import STEADY_SECONDS, Trial
from evenrack.lab.fleet import DHCP_HOLD_DOWN_SECONDS
from evenrack.lab.traffic.meter import Felt

BMC_HOLD_DOWN_SECONDS = 15.0
"""The default of `balance.bmc`, which the lab's configuration leaves as it is."""
LATE_SECONDS = 5.0
"""Within so long after the hold-down all of it has to be another's."""
_PATIENCE_SECONDS = max(DHCP_HOLD_DOWN_SECONDS, BMC_HOLD_DOWN_SECONDS) + 2 * LATE_SECONDS
_BACK_SECONDS = 15.0
_LOOK_SECONDS = 0.05
_NOBODY_TOOK_IT = "has every lease"
_OF_VLANS = frozenset({"dhcp primary", "dhcp secondary"})

Move = Mapping[str, Any]


@frozen(kw_only=True)
class Gone:
    """What became of what a rack had while it was away; times are from its loss."""

    vlan: str
    rack: str
    successor: str
    bmcs: Sequence[str]
    """What it owned."""
    designated_after: float | None
    owned_after: float | None
    """When none of its BMCs was its own any more; None when that never was."""
    owned_by: Mapping[str, str | None]
    moves: Sequence[Move]
    felt: Felt


@frozen(kw_only=True)
class Back:
    """What became of the others' when it was back; the time is from its start."""

    rack: str
    followed_after: float | None
    """When its successor was the primary of the VLAN in its file too; None when it never was."""
    felt: Felt
    """What the VLAN's clients felt meanwhile."""
    even_after: float | None
    """When the racks' BMCs were even; None when they never were."""
    wrong: str
    owned: int
    bmcs: int
    racks: int
    moves: Sequence[Move]


def rack_lost_and_back(trial: Trial) -> tuple[Gone, Back]:
    """Kill the daemons of a primary's host, wait for the hold-down, and start them again."""
    row = served_vlan(trial)
    rack, successor = (side_of(row, role)["rack"] for role in ("primary", "secondary"))
    gone = _lose(trial, row["vlan"], rack, successor)
    return gone, _start(trial, gone)


def bmcs_move_after_the_hold_down(trial: Trial, limit: float) -> Measured:
    """See who owns what a lost rack owned: others, evenly, and not before the hold-down."""
    gone, _ = trial.once(rack_lost_and_back)
    if not gone.bmcs:
        raise CheckFailed(f"{gone.rack} owned no BMC: nothing to see")
    if gone.owned_after is None:
        left = next(bmc for bmc, owner in gone.owned_by.items() if owner == gone.rack)
        raise CheckFailed(f"{left} is still owned by {gone.rack}, which is lost")
    if not BMC_HOLD_DOWN_SECONDS <= gone.owned_after <= limit:
        raise CheckFailed(f"its BMCs were others' after {gone.owned_after:.1f} s", gone.owned_after)
    others = [each.rack for each in trial.fleet.racks if each.rack != gone.rack]
    if wrong := uneven_owners(gone.owned_by, others):
        raise CheckFailed(wrong, gone.owned_after)
    _refuse_unsaid(gone.moves, dict.fromkeys(gone.bmcs, "bmc"))
    loads = Counter(gone.owned_by.values())
    told = ", ".join(f"{name} {loads[name]}" for name in others)
    return Measured(
        seconds=gone.owned_after,
        detail=f"{len(gone.bmcs)} BMCs of {gone.rack} went to others: {told}",
    )


def a_rack_gets_its_share(trial: Trial, limit: float) -> Measured:
    """See what a rack got that came back: as many BMCs as it needs, and no role of a full pair."""
    _, back = trial.once(rack_lost_and_back)
    if back.even_after is None:
        raise CheckFailed(f"{back.rack} connected, and {back.wrong}")
    if back.even_after > limit:
        raise CheckFailed(f"even only after {back.even_after:.1f} s", back.even_after)
    useless = [move for move in back.moves if _is_useless(move, back.rack)]
    bound = -(-back.bmcs // back.racks)
    came = [move for move in back.moves if move["what"] == "bmc"]
    if useless or len(came) > bound:
        told = "; ".join(f"{m['what']} of {m['name']} to {m['to']}: {m['reason']}" for m in useless)
        raise CheckFailed(
            f"{len(came)} BMCs moved, {bound} suffice; useless: {told or 'none'}", back.even_after
        )
    _refuse_unsaid(back.moves, {str(move["name"]): "bmc" for move in came})
    return Measured(
        seconds=back.even_after,
        detail=f"{back.rack} owns {back.owned} of {back.bmcs} BMCs again, by {len(came)} "
        f"of at most {bound} moves; no pair changed",
    )


def _lose(trial: Trial, vlan: str, rack: str, successor: str) -> Gone:
    bmcs = [bmc for bmc, owner in owners(trial).items() if owner == rack]
    event, since = trial.newest_event(), trial.clocks.seconds()
    for program in trial.programs_of(rack):
        trial.programs.kill(program)
    owned_by: dict[str, str | None] = {}
    designated_after: float | None = None
    owned_after: float | None = None

    def both() -> bool:
        nonlocal designated_after, owned_after, owned_by
        if designated_after is None and trial.dhcp_row(vlan)["primary_rack"] == successor:
            designated_after = trial.clocks.seconds() - since
        if owned_after is None:
            owned_by = trial.owners_now()
            if rack not in owned_by.values():
                owned_after = trial.clocks.seconds() - since
        return designated_after is not None and owned_after is not None

    if not bmcs:
        owned_after = 0.0
    trial.clocks.wait_until(both, seconds=_PATIENCE_SECONDS, every=_LOOK_SECONDS)
    return Gone(
        vlan=vlan,
        rack=rack,
        successor=successor,
        bmcs=bmcs,
        designated_after=designated_after,
        owned_after=owned_after,
        owned_by=owned_by,
        moves=trial.moves_since(event),
        felt=felt_and_after(trial, vlan, since),
    )


def _start(trial: Trial, gone: Gone) -> Back:
    rack, names = gone.rack, [each.rack for each in trial.fleet.racks]
    event, since = trial.newest_event(), trial.clocks.seconds()
    trial.programs.start(f"{rack}/rackd")
    wrong, owned = "nothing was seen", 0
    even_after: float | None = None
    followed_after: float | None = None

    def even() -> bool:
        nonlocal wrong, owned
        found = trial.owners_now()
        owned = Counter(found.values())[rack]
        wrong = uneven_owners(found, names) or ""
        return not wrong

    def both() -> bool:
        nonlocal even_after, followed_after
        if even_after is None and even():
            even_after = trial.clocks.seconds() - since
        if followed_after is None and _follows(trial, gone):
            followed_after = trial.clocks.seconds() - since
        return even_after is not None and followed_after is not None

    trial.clocks.wait_until(both, seconds=_BACK_SECONDS, every=_LOOK_SECONDS)
    felt = felt_and_after(trial, gone.vlan, since)
    trial.clocks.sleep(STEADY_SECONDS)  # a useless move would come after a quiet second
    return Back(
        rack=rack,
        followed_after=followed_after,
        felt=felt,
        even_after=even_after,
        wrong=wrong,
        owned=owned,
        bmcs=len(trial.fleet.bmcs),
        racks=len(names),
        moves=trial.moves_since(event),
    )


def _follows(trial: Trial, gone: Gone) -> bool:
    """Tell whether both serve, the successor as the primary in its file."""
    sides = {side["rack"]: side for side in trial.dhcp_row(gone.vlan)["sides"]}
    if not {gone.rack, gone.successor} <= sides.keys():
        return False
    is_normal = all(side["state"] == NORMAL for side in sides.values())
    return is_normal and sides[gone.successor]["role"] == "primary"


def _is_useless(move: Move, rack: str) -> bool:
    """Tell whether a move was none of the returned rack's: whoever manages it may change."""
    if move["what"] == "managing":
        return bool(move["name"] != rack)
    if move["what"] == "dhcp secondary" and move["to"] == rack:
        return _NOBODY_TOOK_IT not in move["reason"]  # a third had been designated, and no more
    return bool(move["what"] in _OF_VLANS or move["to"] != rack)


def _refuse_unsaid(moves: Sequence[Move], wanted: Mapping[str, str]) -> None:
    """See that each of these that moved is told of with a reason."""
    said = {(move["name"], move["what"]) for move in moves if move["reason"]}
    for name, what in wanted.items():
        if (name, what) not in said:
            raise CheckFailed(f"no event says why {name} moved")


CHECKS = (
    Check(
        promise="P11",
        name="a lost rack's BMCs are others' after the hold-down, evenly",
        limit_seconds=BMC_HOLD_DOWN_SECONDS + LATE_SECONDS,
        run=bmcs_move_after_the_hold_down,
        judges=rack_lost_and_back,
        needs_bmcs=True,
    ),
    Check(
        promise="P30",
        name="a rack is back after the hold-down: it gets its share of BMCs, no more",
        limit_seconds=_BACK_SECONDS,
        run=a_rack_gets_its_share,
        judges=rack_lost_and_back,
        needs_bmcs=True,
    ),
)
