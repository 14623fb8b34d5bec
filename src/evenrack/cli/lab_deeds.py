"""`evenrack lab kill|hang|cut|heal|restart|promote`: break and mend, and watch what follows."""

from collections.abc import Callable
from pathlib import Path

import click

from evenrack.cli.examples import examples
from evenrack.cli.lab_felt import tell_felt_outage
from evenrack.cli.lab_folder import directory_option, lab_command, lab_folder
from evenrack.cli.session import Session, say
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.aftermath import Aftermath
from evenrack.lab.deeds import (
    Deed,
    Meant,
    all_that_heals,
    all_that_was_killed,
    do_deed,
    find_meant,
    running_lab,
    what_changes,
)
from evenrack.lab.fleet import Fleet
from evenrack.lab.lab_programs import LabPrograms


@click.command(epilog=examples("evenrack lab kill region1/2", "evenrack lab kill leader"))
@click.argument("target")
@directory_option
@click.pass_obj
def kill(session: Session, target: str, *, directory: Path | None) -> None:
    """Kill a TARGET at once, as a power cut would (SIGKILL).

    `evenrack lab --help` says what TARGET may be.
    """
    do_and_watch(session, "kill", target, directory)


@click.command(epilog=examples("evenrack lab hang rack3", "evenrack lab hang postgres"))
@click.argument("target")
@directory_option
@click.pass_obj
def hang(session: Session, target: str, *, directory: Path | None) -> None:
    """Pause a TARGET: its connections stay open and nothing answers (SIGSTOP).

    `evenrack lab --help` says what TARGET may be.
    """
    do_and_watch(session, "hang", target, directory)


@click.command(
    epilog=examples(
        "evenrack lab cut region1", "evenrack lab cut rack3:vlan2", "evenrack lab cut leader"
    )
)
@click.argument("target")
@directory_option
@click.pass_obj
def cut(session: Session, target: str, *, directory: Path | None) -> None:
    """Cut a cable, or all cables of a host: nothing gets through, and nobody is told.

    `evenrack lab --help` says what TARGET may be.
    """
    do_and_watch(session, "cut", target, directory)


@click.command(
    epilog=examples("evenrack lab heal", "evenrack lab heal rack3", "evenrack lab heal rack3:vlan2")
)
@click.argument("target", required=False)
@directory_option
@click.pass_obj
def heal(session: Session, target: str | None, *, directory: Path | None) -> None:
    """Let a paused TARGET go on (SIGCONT) and mend its cables; without one, all.

    `evenrack lab --help` says what TARGET may be.
    """
    do_and_watch(session, "heal", target, directory)


@click.command(
    epilog=examples(
        "evenrack lab restart",
        "evenrack lab restart rack1",
        'evenrack lab restart "manager of rack3"',
    )
)
@click.argument("target", required=False)
@directory_option
@click.pass_obj
def restart(session: Session, target: str | None, *, directory: Path | None) -> None:
    """Stop a TARGET in order and start it again; without one, start all that was killed.

    `evenrack lab --help` says what TARGET may be.
    """
    do_and_watch(session, "restart", target, directory)


@click.command(
    epilog=examples(
        "evenrack lab promote", "evenrack lab promote postgres2", "evenrack lab promote postgres3"
    )
)
@click.argument("standby", required=False)
@click.option(
    "--even-if-behind", is_flag=True, help="Also one that lacks commits which others may have."
)
@directory_option
@click.pass_obj
def promote(
    session: Session, standby: str | None, *, even_if_behind: bool, directory: Path | None
) -> None:
    """Let a PostgreSQL standby be the primary; without a name, the one that has most.

    The old primary ends first: two would be worse than none. Started again, it is a standby.
    """
    fleet, programs = _lab_in(session, directory)

    def act() -> str:
        return programs.promote(standby, even_if_behind=even_if_behind)

    _watch(session, fleet, programs, lambda: f"promote: {act()}")
    say(f"next: {lab_command('status', directory)}")


def do_and_watch(
    session: Session,
    deed: Deed,
    target: str | None,
    directory: Path | None,
    *,
    prompt: bool = False,
) -> Aftermath | None:
    """Do it, then tell what follows until the fleet is settled again, and what clients felt.

    Give what can go on watching; nothing where all is so already. At a prompt only the words of
    the next command are told.
    """
    fleet, programs = _lab_in(session, directory)
    if target is not None:
        meant = what_changes(deed, find_meant(deed, target, fleet, programs), programs)
    else:
        meant = (all_that_heals if deed == "heal" else all_that_was_killed)(programs)
    if not meant.names:
        say(_nothing_to_do(deed, target))
        return None

    def act() -> str:
        do_deed(deed, meant, programs)
        return f"{deed}: {', '.join(meant.names)}"

    aftermath = _watch(session, fleet, programs, act)
    cure = {"kill": "restart", "hang": "heal", "cut": "heal"}.get(deed)
    words = "status" if cure is None else f"{cure} {again(meant, target)}"
    if cure is not None and programs.primary in meant.programs and len(fleet.servers) > 1:
        words = "promote"
    say(f"next: {words if prompt else lab_command(words, directory)}")
    return aftermath


def _lab_in(session: Session, directory: Path | None) -> tuple[Fleet, LabPrograms]:
    _, fleet = running_lab(lab_folder(session, directory))
    return fleet, LabPrograms(fleet, session.surroundings.programs)


def _watch(
    session: Session, fleet: Fleet, programs: LabPrograms, act: Callable[[], str]
) -> Aftermath:
    """Do something, say what, and tell what follows until the fleet is settled again."""
    aftermath = Aftermath(fleet, programs, session.clocks)
    try:
        aftermath.remember()
    except (RegionUnreachable, ApiRefused) as error:
        say(f"no events can be shown from before: {error}")
    deed_at, since = session.clocks.now(), session.clocks.seconds()
    say(act())
    missing = aftermath.tell(deed_at, click.echo)
    say("settled" if missing is None else f"not settled: {missing}")
    tell_felt_outage(fleet, since, session.clocks)
    return aftermath


def again(meant: Meant, target: str | None) -> str:
    """Name what was meant by a word that later may mean another: a cable, a program, or a host."""
    if target is not None and ":" in target:
        return meant.cables[0]
    if len(meant.programs) == 1:
        return meant.programs[0]
    return meant.names[0].partition(":")[0].partition("/")[0]


def _nothing_to_do(deed: Deed, target: str | None) -> str:
    if target is None:
        return "nothing is paused or cut" if deed == "heal" else "nothing was killed"
    why = {
        "kill": "does not run",
        "hang": "does not run, or is paused already",
        "cut": "is cut already",
        "heal": "is neither paused nor cut",
        "restart": "was never started",
    }
    return f"nothing to do: {target} {why[deed]}"
