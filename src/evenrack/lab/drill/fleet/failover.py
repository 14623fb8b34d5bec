"""P1: whatever single part dies, every rack is soon managed again, and every BMC answers."""

from collections.abc import Callable

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power.power_sight import next_orders
from evenrack.lab.drill.sight import Sight, unserved
from evenrack.lab.drill.trial import Question, Trial


def process_killed(trial: Trial, limit: float) -> Measured:
    """Kill a region process that manages racks and does not lead."""
    return _lose_process(trial, limit, _busy_process(trial), trial.programs.kill, unserved)


def process_hung(trial: Trial, limit: float) -> Measured:
    """Pause a region process that manages racks and does not lead: its sockets stay open."""
    return _lose_process(trial, limit, _busy_process(trial), trial.programs.hang, unserved)


def leader_killed(trial: Trial, limit: float) -> Measured:
    """Kill the leader: another leads, and every rack is managed."""
    leader = _leader(trial)
    return _lose_process(trial, limit, leader, trial.programs.kill, _served_and_led(leader))


def leader_hung(trial: Trial, limit: float) -> Measured:
    """Pause the leader: the others take the lead from it, and every rack is managed."""
    leader = _leader(trial)
    return _lose_process(trial, limit, leader, trial.programs.hang, _served_and_led(leader))


def rack_daemon_killed(trial: Trial, limit: float) -> Measured:
    """Kill a rack daemon and start it at once; only this rack may change its manager."""
    rack = trial.pick_rack()
    before = trial.must_look().managers
    event = trial.newest_event()
    since = trial.clocks.seconds()
    trial.programs.kill(rack.name)
    trial.programs.start(rack.name)
    answered = next_orders(trial, since)
    seconds = trial.measure(since, unserved, limit)
    after = trial.must_look().managers
    moved = [name for name in before if name != rack.rack and before[name] != after.get(name)]
    moved += [move["name"] for move in trial.moves_since(event) if move["name"] != rack.rack]
    if moved:
        raise CheckFailed(f"others were moved too: {', '.join(sorted(set(moved)))}", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{rack.rack}: {before.get(rack.rack)} before, {after.get(rack.rack)} after"
        + answered(),
    )


def _lose_process(
    trial: Trial, limit: float, lost: str, lose: Callable[[str], None], question: Question
) -> Measured:
    racks = [rack for rack, manager in trial.must_look().managers.items() if manager == lost]
    if len(trial.fleet.processes) == 1:
        raise CheckFailed("this check needs a second region process; the lab has one")
    event = trial.newest_event()
    since = trial.clocks.seconds()
    lose(lost)
    answered = next_orders(trial, since)
    seconds = trial.measure(since, question, limit)
    moved = [move["name"] for move in trial.moves_since(event)]
    if strangers := sorted(set(moved) - set(racks)):
        raise CheckFailed(f"racks of others were moved: {', '.join(strangers)}", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{lost} lost; it managed {', '.join(sorted(racks)) or 'no rack'}{answered()}",
    )


def _busy_process(trial: Trial) -> str:
    sight = trial.must_look()
    managing = {manager for manager in sight.managers.values() if manager is not None}
    return trial.pick(
        sorted(managing - {sight.status["leader"]}),
        "a region process that manages a rack and does not lead",
    )


def _leader(trial: Trial) -> str:
    leader = trial.must_look().status["leader"]
    if leader is None:
        raise CheckFailed("nobody leads")
    return str(leader)


def _served_and_led(lost: str) -> Question:
    def question(sight: Sight) -> str | None:
        leader = sight.status["leader"]
        if leader == lost:
            return f"{lost} is still called the leader"
        if leader not in sight.alive:
            return "nobody leads" if leader is None else f"{leader} leads and does not run"
        return unserved(sight)

    return question


CHECKS = (
    Check(promise="P1", name="region process killed", limit_seconds=1, run=process_killed),
    Check(promise="P1", name="region process hung", limit_seconds=5, run=process_hung),
    Check(promise="P1", name="leader killed", limit_seconds=1, run=leader_killed),
    Check(promise="P1", name="leader hung", limit_seconds=5, run=leader_hung),
    Check(
        promise="P1",
        name="rack daemon killed and started",
        limit_seconds=3,  # its program has to start, too
        run=rack_daemon_killed,
    ),
)
