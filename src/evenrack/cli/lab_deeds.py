"""`evenrack lab kill|hang|heal|restart`: break and mend, and watch what follows."""

from pathlib import Path

import click

from evenrack.cli.examples import examples
from evenrack.cli.lab_folder import directory_option, lab_command, lab_folder
from evenrack.cli.session import Session, say
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.aftermath import Aftermath
from evenrack.lab.deeds import Deed, do_deed, find_programs, running_lab
from evenrack.lab.events import newest_event
from evenrack.lab.fleet_status import fleet_client
from evenrack.lab.lab_programs import LabPrograms


@click.command(epilog=examples("evenrack lab kill region1/2", "evenrack lab kill leader"))
@click.argument("target")
@directory_option
@click.pass_obj
def kill(session: Session, target: str, *, directory: Path | None) -> None:
    """Kill a target at once, as a power cut would (SIGKILL)."""
    _do_and_watch(session, "kill", target, directory)


@click.command(epilog=examples("evenrack lab hang rack3", "evenrack lab hang postgres"))
@click.argument("target")
@directory_option
@click.pass_obj
def hang(session: Session, target: str, *, directory: Path | None) -> None:
    """Pause a target: its connections stay open and nothing answers (SIGSTOP)."""
    _do_and_watch(session, "hang", target, directory)


@click.command(epilog=examples("evenrack lab heal", "evenrack lab heal rack3"))
@click.argument("target", required=False)
@directory_option
@click.pass_obj
def heal(session: Session, target: str | None, *, directory: Path | None) -> None:
    """Let a paused target go on, or all that are paused (SIGCONT)."""
    _do_and_watch(session, "heal", target, directory)


@click.command(
    epilog=examples("evenrack lab restart rack1", 'evenrack lab restart "manager of rack3"')
)
@click.argument("target")
@directory_option
@click.pass_obj
def restart(session: Session, target: str, *, directory: Path | None) -> None:
    """Stop a target in order and start it again; start what was killed."""
    _do_and_watch(session, "restart", target, directory)


def _do_and_watch(session: Session, deed: Deed, target: str | None, directory: Path | None) -> None:
    folder = lab_folder(session, directory)
    _, fleet = running_lab(folder)
    programs = LabPrograms(fleet, session.surroundings.programs)
    names = programs.hung() if target is None else find_programs(target, fleet)
    if not names:
        say("nothing is paused")
        return
    client = fleet_client(fleet)
    aftermath = Aftermath(fleet, client, programs, session.clocks)
    try:
        aftermath.remember(newest_event(client))
    except (RegionUnreachable, ApiRefused) as error:
        say(f"no events can be shown from before: {error}")
    deed_at = session.clocks.now()
    do_deed(deed, names, programs)
    say(f"{deed}: {', '.join(names)}")
    missing = aftermath.tell(deed_at, click.echo)
    say("settled" if missing is None else f"not settled: {missing}")
    cure = {"kill": "restart", "hang": "heal"}.get(deed)
    words = "status" if cure is None else f"{cure} {names[0]}"
    say(f"next: {lab_command(words, directory)}")
