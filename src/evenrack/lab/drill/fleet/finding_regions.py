"""P21 to P23: a rack finds every region process, whatever its configuration file knows."""

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.sight import Sight, unserved
from evenrack.lab.drill.trial import Question, Trial
from evenrack.lab.fleet import RPC_PORT, RackDaemon


def one_endpoint_is_enough(trial: Trial, limit: float) -> Measured:
    """Start a rack that remembers nothing and is told of one process."""
    rack = trial.pick_rack()
    if len(rack.regions) != 1:
        raise CheckFailed(f"{rack.rack} is configured with {len(rack.regions)} endpoints, not one")
    trial.programs.stop(rack.name)
    trial.forget_regions(rack)
    since = trial.clocks.seconds()
    trial.programs.start(rack.name)
    seconds = trial.measure(since, _connected_everywhere(rack), limit)
    return Measured(
        seconds=seconds,
        detail=f"{rack.rack} knew {rack.regions[0]}, found all {len(trial.fleet.processes)}",
    )


def process_in_use_is_replaced(trial: Trial, limit: float) -> Measured:
    """Kill the process that manages a rack; others serve it and every connection left stays."""
    rack = trial.pick_rack()
    used = trial.must_look().managers.get(rack.rack)
    if used is None:
        raise CheckFailed(f"{rack.rack} uses no region process")
    everywhere = _connected_everywhere(rack)

    def served_by_others(sight: Sight) -> str | None:
        if used in sight.connected_to(rack.name):
            return f"{rack.rack} still counts its connection to {used}"
        return unserved(sight) or everywhere(sight)

    since = trial.clocks.seconds()
    trial.programs.kill(used)
    seconds = trial.measure(since, served_by_others, limit)
    now = trial.must_look().managers.get(rack.rack)
    return Measured(seconds=seconds, detail=f"{rack.rack} used {used}, now {now}")


def memory_finds_the_others(trial: Trial, limit: float) -> Measured:
    """Start a rack whose configured endpoint is dead: it knows the others from before."""
    rack = trial.pick_rack()
    at_endpoint = [
        process.name for process in trial.fleet.processes if process.endpoint in rack.regions
    ]
    if len(at_endpoint) == len(trial.fleet.processes):
        raise CheckFailed("this check needs a region process that no endpoint names")
    for process in at_endpoint:
        trial.programs.kill(process)
    trial.programs.stop(rack.name)
    since = trial.clocks.seconds()
    trial.programs.start(rack.name)
    seconds = trial.measure(since, _connected_everywhere(rack), limit)
    return Measured(
        seconds=seconds, detail=f"{rack.rack} restarted with {', '.join(at_endpoint)} dead"
    )


def later_endpoints_are_used(trial: Trial, limit: float) -> Measured:
    """Start a rack that remembers nothing, with a dead endpoint before a live one."""
    rack = trial.pick_rack()
    nobody = f"{trial.fleet.processes[0].host.address}:{RPC_PORT}"  # instance 0 does not exist
    live = trial.fleet.processes[-1].endpoint
    trial.programs.stop(rack.name)
    trial.forget_regions(rack)
    trial.configure(rack.with_regions([nobody, live]))
    since = trial.clocks.seconds()
    trial.programs.start(rack.name)
    seconds = trial.measure(since, _connected_everywhere(rack), limit)
    return Measured(seconds=seconds, detail=f"{rack.rack} with regions: [{nobody}, {live}]")


def _connected_everywhere(rack: RackDaemon) -> Question:
    def question(sight: Sight) -> str | None:
        connected = sight.connected_to(rack.name)
        if connected != sight.live_processes:
            return f"{rack.rack} is connected to {', '.join(connected) or 'no process'}"
        return None

    return question


CHECKS = (
    Check(
        promise="P21",
        name="a rack given one endpoint finds every process",
        limit_seconds=5,
        run=one_endpoint_is_enough,
    ),
    Check(
        promise="P22",
        name="the process in use killed: others serve the rack",
        limit_seconds=2,
        run=process_in_use_is_replaced,
    ),
    Check(
        promise="P22",
        name="the configured endpoint dead: a restarted rack remembers the others",
        limit_seconds=5,
        run=memory_finds_the_others,
    ),
    Check(
        promise="P23",
        name="several endpoints, the first dead: the next is used",
        limit_seconds=5,
        run=later_endpoints_are_used,
    ),
)
