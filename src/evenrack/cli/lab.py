"""`evenrack lab`: a whole fleet on this machine, to look at and to break."""

import os
from pathlib import Path
from typing import Any

import click
from attrs import asdict

from evenrack.cli.examples import examples
from evenrack.cli.lab_deeds import hang, heal, kill, restart
from evenrack.cli.lab_drill import drill
from evenrack.cli.lab_folder import directory_option, lab_command, lab_folder
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Line, Table, status_page
from evenrack.lab.deeds import find_programs, running_lab
from evenrack.lab.down import take_down
from evenrack.lab.fleet import Fleet, Size
from evenrack.lab.fleet_status import fleet_client, fleet_status
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.last_lines import tail
from evenrack.lab.progress import Progress
from evenrack.lab.refusals import LabRefused
from evenrack.lab.targets import POSTGRES
from evenrack.lab.up import Wish, bring_up


@click.group(
    epilog=examples(
        "evenrack lab up --no-net",
        "evenrack lab kill leader",
        "evenrack lab drill --only P1",
        "evenrack lab down",
    )
)
def lab() -> None:
    """Run a whole fleet on this machine, to look at and to break."""


for _command in (kill, hang, heal, restart, drill):
    lab.add_command(_command)


@lab.command(
    epilog=examples(
        "evenrack lab up --no-net",
        "evenrack lab up --no-net --region-hosts 3 --processes 1 --racks 6 --dir /tmp/lab",
    )
)
@click.option("--region-hosts", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Region processes on each region host.",
)
@click.option("--racks", type=click.IntRange(min=0), default=4, show_default=True)
@directory_option
@click.option("--retain", is_flag=True, help="Keep the folder when the lab goes down.")
@click.option("--no-net", is_flag=True, help="Plain processes on loopback addresses.")
@click.pass_obj
def up(
    session: Session, /, *, directory: Path | None, retain: bool, no_net: bool, **size: int
) -> None:
    """Bring the fleet up and wait until it is live."""
    if not no_net:
        raise LabRefused(
            "this version has no network namespaces yet; they come in a later one. "
            "`evenrack lab up --no-net` runs plain processes on loopback"
        )
    wish = Wish(
        directory=lab_folder(session, directory),
        size=Size(**size),
        retain=retain,
        programs=session.surroundings.programs,
        owner_pid=os.getpid(),
    )
    fleet = bring_up(wish, Progress(say, session.clocks), session.clocks)
    _say_card(fleet, directory, retain=running_lab(fleet.directory)[0].retain)


@lab.command(epilog=examples("evenrack lab down", "evenrack lab down --dir /tmp/lab"))
@directory_option
@click.pass_obj
def down(session: Session, *, directory: Path | None) -> None:
    """End the fleet and remove its folder; nothing to end is no error."""
    take_down(lab_folder(session, directory), Progress(say, session.clocks), say)


@lab.command(epilog=examples("evenrack lab status", "evenrack lab status --json"))
@directory_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def status(session: Session, *, directory: Path | None, as_json: bool) -> None:
    """Show which programs run, and the fleet's own status."""
    folder = lab_folder(session, directory)
    record, fleet = running_lab(folder)
    running = LabPrograms(fleet, session.surroundings.programs).look()
    seen = fleet_status(fleet_client(fleet))
    if as_json:
        echo_json(
            {
                "directory": str(folder),
                "retain": record.retain,
                "programs": [asdict(program) for program in running],
                "fleet": seen,
            }
        )
        return
    rows = [(program.target, program.state, program.pid or "-") for program in running]
    session.draw(
        [
            Line(name="lab", value=str(folder)),
            Table(title="programs", columns=("target", "state", "pid"), rows=rows),
            *_fleet_page(seen),
        ]
    )


@lab.command(epilog=examples("evenrack lab logs leader", "evenrack lab logs rack1 --lines 50"))
@click.argument("target")
@directory_option
@click.option(
    "--lines", type=click.IntRange(min=1), default=20, show_default=True, help="Of each log."
)
@click.pass_obj
def logs(session: Session, target: str, *, directory: Path | None, lines: int) -> None:
    """Show the end of the logs of a target."""
    _, fleet = running_lab(lab_folder(session, directory))
    names = find_programs(target, fleet)
    for name in names:
        log = _log_of(name, fleet, LabPrograms(fleet, session.surroundings.programs))
        if len(names) > 1:
            say(f"{name}: {log}")
        for line in tail(log, lines):
            click.echo(line)


def _log_of(name: str, fleet: Fleet, programs: LabPrograms) -> Path:
    return programs.postgres.log if name == POSTGRES else fleet.daemon(name).log


def _fleet_page(seen: dict[str, Any] | None) -> list[Any]:
    if seen is None:
        return [Line(name="fleet", value="no region process answers", good=False)]
    return list(status_page(seen))


def _say_card(fleet: Fleet, directory: Path | None, *, retain: bool) -> None:
    kept = "kept" if retain else "removed"
    say(f"  folder   {fleet.directory} ({kept} by `{lab_command('down', directory)}`)")
    for process in fleet.processes:
        if process.instance == 1:
            say(f"  address  {process.host.name}: {process.host.http_url}")
    say(f"  ask      evenrack --socket {fleet.processes[0].socket} status")
    for words in ("status", "kill leader", "drill"):
        say(f"  next     {lab_command(words, directory)}")
