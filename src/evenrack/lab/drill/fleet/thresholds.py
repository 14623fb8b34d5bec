"""P6: a difference below the threshold moves nobody; a larger one moves as few as needed.

A process is lost and comes back once; P7 is judged by it too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.sight import Sight, need, uneven, uneven_hosts, unserved
from evenrack.lab.drill.trial import Trial

EVEN_SECONDS = 15.0
_LOSS_SECONDS = 5.0
_WATCH_SECONDS = 2.5
"""A voluntary move would come after a quiet second."""

Move = Mapping[str, Any]


@frozen(kw_only=True)
class Returned:
    """What was moved while a process was away, and when it was back."""

    process: str
    loads: Mapping[str, int]
    """How many racks each of the others managed meanwhile."""
    meanwhile: Sequence[Move]
    """The moves after its racks had gone to others."""
    even_after: float
    """From its start."""
    moves: Sequence[Move]
    """The moves since its start."""


def process_lost_and_back(trial: Trial) -> Returned:
    """Kill a process that manages racks, watch the others, and start it again."""
    sight = trial.must_look()
    managing = sorted({manager for manager in sight.managers.values() if manager is not None})
    lost = trial.pick(managing, "a region process that manages a rack")
    trial.programs.kill(lost)
    trial.measure(trial.clocks.seconds(), unserved, _LOSS_SECONDS)
    loads = _loads(trial.must_look())
    event = trial.newest_event()
    trial.clocks.sleep(_WATCH_SECONDS)
    meanwhile = trial.moves_since(event)
    event, since = trial.newest_event(), trial.clocks.seconds()
    trial.programs.start(lost)
    even_after = trial.measure(since, in_band, EVEN_SECONDS)
    trial.wait_until_whole()
    return Returned(
        process=lost,
        loads=loads,
        meanwhile=meanwhile,
        even_after=even_after,
        moves=trial.moves_since(event),
    )


def only_large_differences_move(trial: Trial, limit: float) -> Measured:
    """See the others keep what they have, and the one that is back get what it has to."""
    back = trial.once(process_lost_and_back)
    loads, seconds = back.loads, back.even_after
    if len(loads) < 2:  # noqa: PLR2004
        raise CheckFailed("this check needs three region processes")
    if back.meanwhile:
        raise CheckFailed(f"below the threshold ({_shown(loads)}), and yet: {told(back.meanwhile)}")
    if seconds > limit:
        raise CheckFailed(f"even only after {seconds:.2f} s", seconds)
    if max(loads.values()) >= need(0) and not back.moves:
        raise CheckFailed(f"{back.process} came back to {_shown(loads)}, and got nothing", seconds)
    if unsaid := [move for move in back.moves if not move["reason"]]:
        raise CheckFailed(f"moved without a reason: {told(unsaid)}", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{_shown(loads)}: nobody moved; then 0 too: {told(back.moves) or 'nobody moved'}",
    )


def told(moves: Sequence[Move]) -> str:
    """Tell moves, each with its reason."""
    return "; ".join(
        f"{move['name']} {move['from'] or 'nobody'} -> {move['to'] or 'nobody'} "
        f"({'forced' if move['forced'] else 'voluntary'}: {move['reason']})"
        for move in moves
    )


def in_band(sight: Sight) -> str | None:
    """Say what is unserved, or so uneven on either level that a rack should move."""
    return unserved(sight) or uneven(sight) or uneven_hosts(sight)


def _loads(sight: Sight) -> dict[str, int]:
    managers = list(sight.managers.values())
    return {name: managers.count(name) for name in sight.live_processes}


def _shown(loads: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {load}" for name, load in loads.items())


CHECKS = (
    Check(
        promise="P6",
        name="a small difference moves nobody, a large one does",
        limit_seconds=EVEN_SECONDS,
        run=only_large_differences_move,
        judges=process_lost_and_back,
    ),
)
