"""`evenrack lab demo`: a lab to watch and to break by hand, gone without a trace at its end."""

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.lab_drill import possible_here
from evenrack.cli.lab_folder import default_folder
from evenrack.cli.lab_prompt import Prompt
from evenrack.cli.session import Session, say
from evenrack.lab.down import clean_up
from evenrack.lab.drill.check import Outcome
from evenrack.lab.drill.course import choose_checks, outcome_line, run_drill
from evenrack.lab.drill.trial import Trial
from evenrack.lab.fleet import Fleet, Size
from evenrack.lab.interrupts import ended_by_signals, ignore_signals
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.network.keeper import refuse_without_namespaces
from evenrack.lab.progress import Progress
from evenrack.lab.record import read_record
from evenrack.lab.refusals import LabRefused
from evenrack.lab.up import Wish, bring_up
from evenrack.runtime.child_process import is_alive

SHORT_DRILL = (
    "every process prints what the kernel counts",
    "leader killed",
    "a client gets a lease from the pair, and both know of it",
    "primary's dhcpd killed: the client keeps its address at the other",
    "the owner's host killed: the next power command is done by another rack",
)


@click.command(epilog=examples("evenrack lab demo"))
@click.option("--no-net", is_flag=True, help="Plain processes on loopback: no DHCP, no power.")
@click.pass_context
def demo(context: click.Context, *, no_net: bool) -> None:
    """Bring a fleet up, show that it keeps its promises, and let it be broken by hand.

    Without a terminal: only the short drill, and its exit code.
    """
    session: Session = context.obj
    folder = default_folder(session.surroundings.environment).with_name("demo").resolve()
    _clean_after_a_kill(session, folder)
    network = not no_net and _network_possible(folder)
    made = _folders_to_make(folder)
    with ended_by_signals():
        try:
            fleet = bring_up(_wish(session, folder, network=network), *_telling(session))
            _say_card(session, fleet)
            ok = _drill(session, fleet)
            if session.surroundings.terminal and sys.stdin.isatty():
                Prompt(session, folder).obey_until_the_end()
        finally:
            ignore_signals()  # a second Ctrl-C does not stop the cleaning
            _remove(session, folder, made)
    if not ok:
        context.exit(1)


def _clean_after_a_kill(session: Session, folder: Path) -> None:
    """Remove what a demo that was killed left behind; refuse beside one that runs."""
    record = read_record(folder)
    if record is None:
        return
    if is_alive(record.owner):
        raise LabRefused(
            f"a demo already runs in {folder}, as process {record.owner.pid}; "
            "break things at its prompt, or `evenrack lab up` another lab"
        )
    say("[lab] a demo that ran here was killed: what is left of it is removed")
    clean_up(folder, record, Progress(say, session.clocks))


def _network_possible(folder: Path) -> bool:
    """Tell whether hosts can be namespaces here; say why not."""
    try:
        refuse_without_namespaces(folder)
    except LabRefused as refused:
        say(f"[lab] without a network, so without DHCP and power: {refused}")
        return False
    return True


def _wish(session: Session, folder: Path, *, network: bool) -> Wish:
    return Wish(
        directory=folder,
        size=Size(),
        retain=False,
        network=network,
        programs=session.surroundings.programs,
        owner_pid=os.getpid(),
    )


def _telling(session: Session) -> tuple[Progress, Any]:
    return Progress(say, session.clocks), session.clocks


def _say_card(session: Session, fleet: Fleet) -> None:
    # the second terminal need not know the environment that this one runs in
    evenrack = str(session.surroundings.programs / "evenrack")
    command = [evenrack, "--socket", str(fleet.processes[0].socket), "status", "--watch"]
    say("")
    say("  A whole fleet runs on this machine. In a second terminal:")
    say(f"    {shlex.join(command)}")
    for process in fleet.processes:
        if process.instance == 1:
            say(f"  {process.region}: {process.host.address}; racks dial port {process.port}")
    say(f"  folder: {fleet.directory} (nothing is kept)")
    say("")


def _drill(session: Session, fleet: Fleet) -> bool:
    """Run the short drill, and say whether every promise in it was kept."""
    trial = Trial(fleet, LabPrograms(fleet, session.surroundings.programs), session.clocks, 0)
    checks = [check for check in choose_checks(None) if check.name in SHORT_DRILL]

    def tell(outcome: Outcome) -> None:
        click.echo(outcome_line(outcome))

    outcomes = run_drill(possible_here(checks, trial), trial, tell)
    return all(outcome.ok for outcome in outcomes)


def _folders_to_make(folder: Path) -> list[Path]:
    """List the folders above the demo's that are not there yet, and so go with it."""
    return [parent for parent in folder.parents if not parent.exists()]


def _remove(session: Session, folder: Path, made: list[Path]) -> None:
    record = read_record(folder)
    if record is not None:
        clean_up(folder, record, Progress(say, session.clocks))
    for parent in {folder.parent: None, **dict.fromkeys(made)}:
        with contextlib.suppress(OSError):  # something else is in it, or it was never made
            parent.rmdir()
