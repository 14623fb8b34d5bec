"""M8: who has no right is not heard."""

import json
from typing import Any

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.kernel_links import Socket, read_sockets
from evenrack.lab.drill.trial import Trial
from evenrack.lab.enrolling import enrol_again
from evenrack.lab.fleet import RegionProcess
from evenrack.lab.hosts import Host, this_machine

_COMMANDS_IN_EACH_WAY = 250
_PROGRAM_SECONDS = 60.0
_STAYS_OUT_SECONDS = 3.0


def strangers_are_not_heard(trial: Trial, limit: float) -> Measured:
    """Send 1,000 commands to which nobody has a right: none is answered, nothing changes."""
    process = trial.fleet.processes[0]
    before, event = rack_links(trial), trial.newest_event()
    since = trial.clocks.seconds()
    told = intrude(trial, "strangers", process, str(_COMMANDS_IN_EACH_WAY))
    seconds = trial.clocks.seconds() - since
    for way, outcomes in told.items():
        if outcomes["answered"]:
            raise NeverMayBe(f"{outcomes['answered']} commands {way} were answered", seconds)
    refuse_changes(trial, before, event, seconds)
    if seconds > limit:
        raise CheckFailed(f"they were refused only after {seconds:.1f} s", seconds)
    ways = ", ".join(told)
    return Measured(
        seconds=seconds,
        detail=f"{len(told) * _COMMANDS_IN_EACH_WAY} commands, {ways}: none answered, nothing done",
    )


def a_revoked_rack_is_shut_out(trial: Trial, limit: float) -> Measured:
    """Revoke a rack: cut off everywhere at once, and back only when it was enrolled again."""
    rack = trial.pick_rack()
    client = trial.client()
    since = trial.clocks.seconds()
    client.delete(f"/api/v1/certificates/{rack.rack}")

    def connections() -> int:
        row = trial.must_look().rack(rack.rack)
        return -1 if row is None else int(row["connections"])

    trial.clocks.wait_until(lambda: connections() == 0, seconds=limit + 5, every=0.05)
    seconds = trial.clocks.seconds() - since
    trial.clocks.sleep(_STAYS_OUT_SECONDS)
    back = connections()
    trial.programs.stop(rack.name)
    enrol_again(trial.fleet, rack, trial.programs.folder)
    if seconds > limit:
        raise CheckFailed(f"{rack.rack} was cut off only after {seconds:.2f} s", seconds)
    if back:
        raise NeverMayBe(f"{rack.rack} came back with {back} connections", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{rack.rack} cut off by every region process, stayed out, and enrolled again",
    )


def intrude(trial: Trial, deed: str, process: RegionProcess, *words: str) -> dict[str, Any]:
    """Let an intruder on a rack host loose on a region process, and give what it tells."""
    host = trial.fleet.racks[0].host if trial.fleet.racks else this_machine("here")
    arguments = [process.host.address, str(process.port), *words]
    return run_intruder(trial, host, deed, *arguments)


def run_intruder(trial: Trial, host: Host, deed: str, *words: str) -> dict[str, Any]:
    """Run the intruder's program on a host to its end."""
    command = [trial.programs.interpreter, "-P", "-m", "evenrack.lab.intruder", deed, *words]
    told: dict[str, Any] = json.loads(host.run(command, seconds=_PROGRAM_SECONDS))
    return told


def rack_links(trial: Trial) -> set[Socket]:
    """List the sockets of racks to regions: a link that was made again has another port."""
    ends = {process.endpoint for process in trial.fleet.processes}
    racks = {trial.pid_of(rack.name) for rack in trial.fleet.racks}
    return {
        socket
        for socket in read_sockets(trial.programs.look(), trial.fleet)
        if socket.peer in ends and racks & set(socket.pids)
    }


def refuse_changes(trial: Trial, before: set[Socket], event: int, seconds: float) -> None:
    """See that no link of a rack ended and nothing moved."""
    if ended := before - rack_links(trial):
        raise CheckFailed(f"{len(ended)} links of racks ended", seconds)
    if moves := trial.moves_since(event):
        raise CheckFailed(f"{len(moves)} moves, the first: {moves[0]['reason']}", seconds)


CHECKS = (
    Check(
        promise="M8",
        name="strangers are not heard",
        limit_seconds=30,
        run=strangers_are_not_heard,
    ),
    Check(
        promise="M8",
        name="a revoked rack is cut off everywhere, and enrols again",
        limit_seconds=2,
        run=a_revoked_rack_is_shut_out,
    ),
)
