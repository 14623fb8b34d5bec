"""P24: the connection tables live in PostgreSQL, and every region process tells the same ones."""

from concurrent.futures import ThreadPoolExecutor

from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.fleet.table_rows import Tables, as_told, difference, read_rows
from evenrack.lab.drill.sight import Sight
from evenrack.lab.drill.trial import Question, Trial
from evenrack.lab.fleet import RegionProcess


def every_process_tells_the_rows(trial: Trial, limit: float) -> Measured:
    """Ask every process by itself, and compare with the rows, and those with the kernel."""
    seconds = trial.measure(trial.clocks.seconds(), _differs(trial), limit)
    kept = read_rows(trial)
    tables = kept.tables()
    if len(kept.connections) < len(trial.fleet.racks) * len(trial.fleet.processes):
        raise CheckFailed(f"only {len(kept.connections)} connections: nothing to compare")
    return Measured(
        seconds=seconds,
        detail=f"{len(kept.connections)} connections, {len(tables.managers)} managers, "
        f"{len(tables.bmc_owners)} owners of BMCs, {len(tables.designations)} pairs: "
        f"{len(trial.fleet.processes)} processes tell what the rows say",
    )


def every_process_follows_a_change(trial: Trial, limit: float) -> Measured:
    """Kill a rack daemon and start it: rows, kernel and all processes soon say the same again."""
    rack = trial.pick_rack()
    differs = _differs(trial)
    everywhere = sorted(process.name for process in trial.fleet.processes)
    trial.programs.kill(rack.name)
    gone = trial.longest_wrong(differs, lambda sight: not sight.connected_to(rack.name))
    trial.programs.start(rack.name)
    back = trial.longest_wrong(differs, lambda sight: sight.connected_to(rack.name) == everywhere)
    detail = f"{rack.rack} killed: told unlike for {gone:.2f} s; started again: {back:.2f} s"
    if max(gone, back) > limit:
        raise CheckFailed(detail, max(gone, back))
    return Measured(seconds=max(gone, back), detail=detail)


def _differs(trial: Trial) -> Question:
    """Say where kernel and rows, or rows and what a process tells, are not the same."""

    def question(sight: Sight) -> str | None:
        held = sorted((link.rack.partition("/")[0], link.process) for link in sight.links)
        kept = read_rows(trial)
        if list(kept.connections) != held:
            return f"{len(kept.connections)} connections have rows, the kernel holds {len(held)}"
        serving = [each for each in trial.fleet.processes if each.name in sight.alive]
        with ThreadPoolExecutor(len(serving) or 1) as threads:
            told = list(threads.map(lambda process: _told_by(process, trial), serving))
        for process, tables in zip(serving, told, strict=True):
            if isinstance(tables, str):
                return tables
            if wrong := difference(tables, kept.tables()):
                return f"{process.name} tells {wrong}"
        return None

    return question


def _told_by(process: RegionProcess, trial: Trial) -> Tables | str:
    """Give the tables that one process tells, or why it tells none."""
    try:
        return as_told(trial.client_of([process.name]))
    except (RegionUnreachable, ApiRefused) as error:
        return f"{process.name}: {error}"


CHECKS = (
    Check(
        promise="P24",
        name="every process tells the same tables: the rows of PostgreSQL",
        limit_seconds=2,
        run=every_process_tells_the_rows,
    ),
    Check(
        promise="P24",
        name="a rack daemon restarted: every process tells the same tables again",
        limit_seconds=2,
        run=every_process_follows_a_change,
    ),
)
