"""`evenrack lab drill`: break the fleet promise by promise, and say whether each was kept."""

import os
from pathlib import Path
from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.lab_folder import NO_NET_HELP, directory_option, lab_folder
from evenrack.cli.session import Session, echo_json, say
from evenrack.lab.deeds import all_that_heals, all_that_was_killed, running_lab
from evenrack.lab.down import clean_up
from evenrack.lab.drill.check import Check, Outcome
from evenrack.lab.drill.course import (
    choose_checks,
    outcome_line,
    possible_checks,
    report,
    run_drill,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import Size
from evenrack.lab.interrupts import ended_by_signals, ignore_signals
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.progress import Progress
from evenrack.lab.record import read_record
from evenrack.lab.up import Wish, bring_up


@click.command(
    epilog=examples(
        "evenrack lab drill", "evenrack lab drill --only P1,P7", "evenrack lab drill --json"
    )
)
@click.option("--only", metavar="P1,P7", help="Only the checks of these promises.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Which process or rack each check breaks.",
)
@directory_option
@click.option("--no-net", is_flag=True, help=f"{NO_NET_HELP} For a lab of its own.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
@click.pass_context
def drill(
    context: click.Context, /, *, only: str | None, seed: int, no_net: bool, **options: Any
) -> None:
    """Break the fleet promise by promise, and measure until it is right again.

    It uses the lab that runs, puts right first what is broken there, and leaves it whole. When
    none runs it brings one up and takes it down again. Exit code 1 when a promise was not kept.
    """
    session: Session = context.obj
    checks = choose_checks(only)
    folder = lab_folder(session, options["directory"])

    def tell(outcome: Outcome) -> None:
        if options["as_json"]:
            say(outcome_line(outcome))
        else:
            click.echo(outcome_line(outcome))

    with ended_by_signals():
        own = _own_lab(session, folder, network=not no_net)
        try:
            trial = _trial(session, folder, seed)
            _put_right(trial)
            outcomes = run_drill(possible_here(checks, trial), trial, tell)
        finally:
            if own:
                ignore_signals()  # a second Ctrl-C does not stop the cleaning
                _end_own_lab(session, folder)
    result = report(outcomes, seed)
    if options["as_json"]:
        echo_json(result)
    if not result["ok"]:
        context.exit(1)


def possible_here(checks: list[Check], trial: Trial) -> list[Check]:
    """Leave out what this lab cannot show, and say so."""
    possible = possible_checks(checks, trial)
    no_network = trial.fleet.network is None
    why = "the lab has --no-net, so no cables" if no_network else "the lab has no BMCs"
    for check in checks:
        if check not in possible:
            say(f"left out {check.promise}: {check.name} ({why})")
    return possible


def _put_right(trial: Trial) -> None:
    """Start, wake and mend what was left broken, or the first checks would say no for that."""
    killed, others = all_that_was_killed(trial.programs), all_that_heals(trial.programs)
    if broken := [*killed.names, *others.names]:
        say(f"put right first: {', '.join(broken)}")
        trial.restore()


def _own_lab(session: Session, folder: Path, *, network: bool) -> bool:
    """Bring up a lab when none runs; say whether it was so."""
    record = read_record(folder)
    if record is not None and record.stage == "up":
        return False
    wish = Wish(
        directory=folder,
        size=Size(),
        retain=False,
        network=network,
        programs=session.surroundings.programs,
        owner_pid=os.getpid(),
    )
    bring_up(wish, Progress(say, session.clocks), session.clocks)
    return True


def _end_own_lab(session: Session, folder: Path) -> None:
    record = read_record(folder)
    if record is not None:
        clean_up(folder, record, Progress(say, session.clocks))


def _trial(session: Session, folder: Path, seed: int) -> Trial:
    _, fleet = running_lab(folder)
    programs = LabPrograms(fleet, session.surroundings.programs)
    return Trial(fleet, programs, session.clocks, seed)
