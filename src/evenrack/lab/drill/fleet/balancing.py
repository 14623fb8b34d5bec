"""P5, P7 and P25: balance is checked when a rack connects, it is even, and moves are few."""

from collections import Counter
from typing import Any

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.fleet.thresholds import EVEN_SECONDS, in_band, process_lost_and_back, told
from evenrack.lab.drill.sight import Sight, uneven, unserved
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import RackDaemon

_STOP_LIMIT = 5.0
_DECISIONS = frozenset({"move", "balance"})
"""Kinds of events that tell what the leader decided when it looked."""


def connecting_is_balanced(trial: Trial, limit: float) -> Measured:
    """Stop a rack and start it: the leader decides anew where it belongs."""
    rack = trial.pick_rack()
    trial.programs.stop(rack.name)
    trial.measure(trial.clocks.seconds(), _unmanaged(rack.rack), _STOP_LIMIT)
    event = trial.newest_event()
    since = trial.clocks.seconds()
    trial.programs.start(rack.name)
    seconds = trial.measure(since, _served_and_even, limit)
    return Measured(seconds=seconds, detail=_decision_about(rack.rack, trial, event))


def restarting_moves_nobody(trial: Trial, limit: float) -> Measured:
    """Restart a rack daemon in order: its own manager is decided, nobody else's changes."""
    rack = trial.pick_rack()
    event = trial.newest_event()
    since = trial.clocks.seconds()
    trial.programs.stop(rack.name)
    trial.programs.start(rack.name)
    seconds = trial.measure(since, _served_and_even, limit)
    # a useless voluntary move would come after the quiet second
    trial.wait_until_whole()
    decision = _decision_about(rack.rack, trial, event)
    useless = [
        move for move in trial.moves_since(event) if move["name"] != rack.rack or not move["forced"]
    ]
    if useless:
        raise CheckFailed(f"useless: {told(useless)}", seconds)
    return Measured(seconds=seconds, detail=decision)


def processes_are_even_again(trial: Trial, limit: float) -> Measured:
    """Kill a process that manages racks, start it again: it gets its share back, and no more."""
    back = trial.once(process_lost_and_back)
    seconds = back.even_after
    if seconds > limit:
        raise CheckFailed(f"even only after {seconds:.2f} s", seconds)
    bound = -(-len(trial.fleet.racks) // len(trial.fleet.processes))
    if len(back.moves) > bound:
        raise CheckFailed(f"{len(back.moves)} moves, {bound} suffice: {told(back.moves)}", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{back.process} back (the others managed {sorted(back.loads.values())}); "
        f"{len(back.moves)} of at most {bound} moves",
    )


def hosts_are_even(trial: Trial, limit: float) -> Measured:
    """Start as many racks as there are region hosts: each host gets one, not each process.

    They are of one host before, as far as it has so many: each goes back to its manager first.
    """
    hosts = trial.fleet.size.region_hosts
    if hosts == 1 or len(trial.fleet.racks) < hosts:
        raise CheckFailed("this check needs two region hosts and as many racks")
    chosen = _racks_of_one_host(trial)[:hosts]
    for rack in trial.fleet.racks:
        trial.programs.kill(rack.name)
    for rack in trial.fleet.racks:
        trial.measure(trial.clocks.seconds(), _unmanaged(rack.rack), _STOP_LIMIT, keep=0)
    since = trial.clocks.seconds()
    for rack in chosen:
        trial.programs.start(rack.name)

    def placed(sight: Sight) -> str | None:
        return in_band(sight) or _crowded(sight, hosts)

    seconds = trial.measure(since, placed, limit)
    managers = trial.must_look().managers
    placed_at = ", ".join(f"{rack.rack} by {managers.get(rack.rack)}" for rack in chosen)
    return Measured(seconds=seconds, detail=f"{hosts} racks on {hosts} hosts: {placed_at}")


def _racks_of_one_host(trial: Trial) -> list[RackDaemon]:
    """List all racks, those of the region host that manages the most first."""
    managers = trial.must_look().managers
    hosts = {rack: (manager or "").partition("/")[0] for rack, manager in managers.items()}
    managed = Counter(hosts.values())

    def order(rack: RackDaemon) -> tuple[int, str]:
        host = hosts.get(rack.rack, "")
        return -managed[host], host

    return sorted(trial.fleet.racks, key=order)


def _decision_about(rack: str, trial: Trial, event: int) -> str:
    """Find what the leader decided about a rack that came: a move, or that it may stay."""
    for found in reversed(trial.events_since(event)):
        if found["kind"] in _DECISIONS and found["data"].get("name") == rack:
            return str(found["text"])
    raise CheckFailed(f"no decision about {rack} is among the events")


def _served_and_even(sight: Sight) -> str | None:
    return unserved(sight) or uneven(sight)


def _crowded(sight: Sight, hosts: int) -> str | None:
    managing = {manager.partition("/")[0] for manager in sight.managers.values() if manager}
    if len(managing) != hosts:
        return f"only {', '.join(sorted(managing))} of {hosts} hosts manages racks"
    return None


def _unmanaged(rack: str) -> Any:
    def question(sight: Sight) -> str | None:
        manager = sight.managers.get(rack)
        return None if manager is None else f"{rack}, which is gone, is managed by {manager}"

    return question


CHECKS = (
    Check(
        promise="P5",
        name="a rack connects: its manager is decided, the fleet is even",
        limit_seconds=3,
        run=connecting_is_balanced,
    ),
    Check(
        promise="P25",
        name="a rack daemon restarted: decided again, nobody else moved",
        limit_seconds=3,
        run=restarting_moves_nobody,
    ),
    Check(
        promise="P7",
        name="a process lost and back: even again with few moves",
        limit_seconds=EVEN_SECONDS,
        run=processes_are_even_again,
        judges=process_lost_and_back,
    ),
    Check(
        promise="P7",
        name="few racks are spread over hosts, not only over processes",
        limit_seconds=15,
        run=hosts_are_even,
    ),
)
