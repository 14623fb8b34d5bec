"""P3: the printed counts equal the sockets that the kernel knows."""

from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.sight import Sight, miscounted
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import RackDaemon


def every_process_counts_right(trial: Trial, limit: float) -> Measured:
    """Ask every process, compare each answer with the kernel."""

    def each_answer(_: Sight) -> str | None:
        for process in trial.fleet.processes:
            if wrong := _wrong_in_answer_of(process.name, trial):
                return wrong
        return None

    seconds = trial.measure(trial.clocks.seconds(), each_answer, limit)
    held = sum(trial.must_look().held.values())
    if held < len(trial.fleet.racks) * len(trial.fleet.processes):
        raise CheckFailed(f"only {held} connections are held: nothing to count")
    return Measured(
        seconds=seconds, detail=f"{held} connections, told alike by every region process"
    )


def counts_follow_a_change(trial: Trial, limit: float) -> Measured:
    """Kill a rack daemon and start it again; no disagreement may last longer than the limit."""
    rack = trial.pick_rack()
    everywhere = len(trial.fleet.processes)
    trial.programs.kill(rack.name)
    gone = trial.longest_wrong(miscounted, lambda sight: _printed(sight, rack) == 0)
    trial.programs.start(rack.name)
    back = trial.longest_wrong(miscounted, lambda sight: _printed(sight, rack) == everywhere)
    longest = max(gone, back)
    detail = f"{rack.rack} killed: wrong for {gone:.2f} s; started again: {back:.2f} s"
    if longest > limit:
        raise CheckFailed(detail, longest)
    return Measured(seconds=longest, detail=detail)


def counts_follow_a_silent_loss(trial: Trial, limit: float) -> Measured:
    """Pause a rack daemon: its sockets stay open until the regions find out."""
    rack = trial.pick_rack()
    others = len(trial.fleet.racks) - 1
    before = trial.must_look()
    if before.connected_to(rack.name) == []:
        raise CheckFailed(f"{rack.rack} has no connection that could be lost")

    def dropped(sight: Sight) -> str | None:
        if printed := _printed(sight, rack):
            return f"{rack.rack} hangs and still counts {printed} connections"
        for process, held in sight.held.items():
            if held != others:
                return f"{process} holds {held} connections instead of {others}"
        return None

    since = trial.clocks.seconds()
    trial.programs.hang(rack.name)
    seconds = trial.measure(since, dropped, limit)
    return Measured(seconds=seconds, detail=f"{rack.rack} paused: 0 connections, sockets closed")


def _wrong_in_answer_of(process: str, trial: Trial) -> str | None:
    try:
        status = trial.client_of([process]).get("/api/v1/status")
    except (RegionUnreachable, ApiRefused) as error:
        return str(error)
    wrong = miscounted(trial.sight_of(status))
    return None if wrong is None else f"{process} says: {wrong}"


def _printed(sight: Sight, rack: RackDaemon) -> int:
    row = sight.rack(rack.rack)
    return 0 if row is None else int(row["connections"])


CHECKS = (
    Check(
        promise="P3",
        name="every process prints what the kernel counts",
        limit_seconds=1,
        run=every_process_counts_right,
    ),
    Check(
        promise="P3",
        name="counts follow a rack daemon that is killed and started",
        limit_seconds=1,
        run=counts_follow_a_change,
    ),
    Check(
        promise="P3",
        name="counts follow a rack daemon that hangs",
        limit_seconds=4,
        run=counts_follow_a_silent_loss,
    ),
)
