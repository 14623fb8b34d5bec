"""`evenrack lab kill|hang|cut|heal|restart`: break and mend, and watch what follows."""

from pathlib import Path

import click

from evenrack.cli.examples import examples
from evenrack.cli.lab_felt import tell_felt_outage
from evenrack.cli.lab_folder import directory_option, lab_command, lab_folder
from evenrack.cli.session import Session, say
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.aftermath import Aftermath
from evenrack.lab.deeds import Deed, all_that_heals, do_deed, find_meant, running_lab
from evenrack.lab.lab_programs import LabPrograms


@click.command(epilog=examples("evenrack lab kill region1/2", "evenrack lab kill leader"))
@click.argument("target")
@directory_option
@click.pass_obj
def kill(session: Session, target: str, *, directory: Path | None) -> None:
    """Kill a target at once, as a power cut would (SIGKILL)."""
    do_and_watch(session, "kill", target, directory)


@click.command(epilog=examples("evenrack lab hang rack3", "evenrack lab hang postgres"))
@click.argument("target")
@directory_option
@click.pass_obj
def hang(session: Session, target: str, *, directory: Path | None) -> None:
    """Pause a target: its connections stay open and nothing answers (SIGSTOP)."""
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
    """Cut a cable, or all cables of a host: nothing gets through, and nobody is told."""
    do_and_watch(session, "cut", target, directory)


@click.command(
    epilog=examples("evenrack lab heal", "evenrack lab heal rack3", "evenrack lab heal rack3:vlan2")
)
@click.argument("target", required=False)
@directory_option
@click.pass_obj
def heal(session: Session, target: str | None, *, directory: Path | None) -> None:
    """Let a paused target go on (SIGCONT) and mend its cables; without a target, all."""
    do_and_watch(session, "heal", target, directory)


@click.command(
    epilog=examples("evenrack lab restart rack1", 'evenrack lab restart "manager of rack3"')
)
@click.argument("target")
@directory_option
@click.pass_obj
def restart(session: Session, target: str, *, directory: Path | None) -> None:
    """Stop a target in order and start it again; start what was killed."""
    do_and_watch(session, "restart", target, directory)


def do_and_watch(session: Session, deed: Deed, target: str | None, directory: Path | None) -> None:
    """Do it, then tell what follows until the fleet is settled again, and what clients felt."""
    folder = lab_folder(session, directory)
    _, fleet = running_lab(folder)
    programs = LabPrograms(fleet, session.surroundings.programs)
    meant = (
        all_that_heals(programs) if target is None else find_meant(deed, target, fleet, programs)
    )
    if not meant.names:
        say("nothing is paused or cut")
        return
    aftermath = Aftermath(fleet, programs, session.clocks)
    try:
        aftermath.remember()
    except (RegionUnreachable, ApiRefused) as error:
        say(f"no events can be shown from before: {error}")
    deed_at, since = session.clocks.now(), session.clocks.seconds()
    do_deed(deed, meant, programs)
    say(f"{deed}: {', '.join(meant.names)}")
    missing = aftermath.tell(deed_at, click.echo)
    say("settled" if missing is None else f"not settled: {missing}")
    tell_felt_outage(fleet, since, session.clocks)
    cure = {"kill": "restart", "hang": "heal", "cut": "heal"}.get(deed)
    words = "status" if cure is None else f"{cure} {_again(meant.names[0], target)}"
    say(f"next: {lab_command(words, directory)}")


def _again(name: str, target: str | None) -> str:
    """Name what was meant by a word that later may mean another: a cable, or all of its host."""
    return name if target is not None and ":" in target else name.partition(":")[0]
