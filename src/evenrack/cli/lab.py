"""`evenrack lab`: a whole fleet on this machine, to look at and to break."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from attrs import asdict

from evenrack.cli.examples import examples
from evenrack.cli.lab_deeds import cut, hang, heal, kill, promote, restart
from evenrack.cli.lab_demo import demo
from evenrack.cli.lab_drill import drill
from evenrack.cli.lab_felt import power_page, traffic_page
from evenrack.cli.lab_folder import NO_NET_HELP, directory_option, lab_command, lab_folder
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Line, Table, status_page
from evenrack.lab.deeds import find_programs, running_lab
from evenrack.lab.down import take_down
from evenrack.lab.fleet import Fleet, Size
from evenrack.lab.fleet_status import fleet_client, fleet_status
from evenrack.lab.hosts import Host
from evenrack.lab.lab_programs import LabPrograms, Running
from evenrack.lab.last_lines import tail
from evenrack.lab.network.cables import SeenCable, cables_seen
from evenrack.lab.progress import Progress
from evenrack.lab.traffic.meter import ALWAYS, dhcp_felt, power_felt
from evenrack.lab.up import Wish, bring_up


@click.group(
    epilog=examples(
        "evenrack lab up",
        "evenrack lab kill leader",
        "evenrack lab cut rack3",
        "evenrack lab drill --only P1",
        "evenrack lab down",
    )
)
def lab() -> None:
    """Run a whole fleet on this machine, to look at and to break.

    TARGET is a host (region1, rack3, client1, bmcs, postgres), a program on it (region1/2,
    rack3/rackd, rack3/dhcpd), a cable (rack3:vlan2, rack3:management, rack3:bmc), or whoever it is
    at that moment: leader, "manager of rack3", "primary of vlan2", "secondary of vlan2", "owner of
    m7", "primary of postgres".
    """


for _command in (kill, hang, cut, heal, restart, promote, drill, demo):
    lab.add_command(_command)


@lab.command(
    epilog=examples(
        "evenrack lab up",
        "evenrack lab up --region-hosts 3 --processes 1 --racks 6 --vlans 8 --dir /tmp/lab",
        "evenrack lab up --replicas 2",
        "evenrack lab up --no-net",
    )
)
@click.option(
    "--region-hosts",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Hosts with region processes.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Region processes on each region host.",
)
@click.option(
    "--racks", type=click.IntRange(min=0), default=4, show_default=True, help="Rack hosts."
)
@click.option(
    "--vlans",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Each with three of the racks, where there are so many; with --no-net there are none.",
)
@click.option(
    "--clients",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Hosts that want an address from DHCP; with --no-net there are none.",
)
@click.option(
    "--bmcs",
    type=click.IntRange(min=0),
    default=12,
    show_default=True,
    help="Simulated BMCs, each with a machine; with --no-net there are none.",
)
@click.option(
    "--replicas",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="PostgreSQL standbys: a commit waits for any one of them.",
)
@directory_option
@click.option("--retain", is_flag=True, help="Keep the folder when the lab goes down.")
@click.option("--no-net", is_flag=True, help=NO_NET_HELP)
@click.pass_obj
def up(
    session: Session, /, *, directory: Path | None, retain: bool, no_net: bool, **size: int
) -> None:
    """Bring the fleet up and wait until it is live.

    Each host is a network namespace with cables to switches, as root or not; nothing of it is
    seen from outside the lab.
    """
    wish = Wish(
        directory=lab_folder(session, directory),
        size=Size(**size),
        retain=retain,
        network=not no_net,
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
    programs = LabPrograms(fleet, session.surroundings.programs)
    running = programs.look()
    cables = cables_seen(fleet.network, programs.cables_down())
    felt = dhcp_felt(fleet, ALWAYS, now=session.clocks.seconds())
    power = power_felt(fleet, ALWAYS, now=session.clocks.seconds())
    last = [program.target for program in running if not program.serves]
    seen = fleet_status(fleet_client(fleet, last=last))
    if as_json:
        echo_json(
            {
                "directory": str(folder),
                "retain": record.retain,
                "programs": [asdict(program) for program in running],
                "cables": [asdict(cable) for cable in cables],
                "traffic": {"dhcp": felt.to_json(), "power": power.to_json()},
                "fleet": seen,
            }
        )
        return
    rows = [(program.target, _state(program), program.pid or "-") for program in running]
    session.draw(
        [
            Line(name="lab", value=str(folder)),
            Table(title="programs", columns=("target", "state", "pid"), rows=rows),
            *_cables_page(cables),
            *traffic_page(felt),
            *([] if fleet.power_traffic is None else power_page(power)),
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
    """Show the end of the logs of a TARGET (`evenrack lab --help`)."""
    _, fleet = running_lab(lab_folder(session, directory))
    programs = LabPrograms(fleet, session.surroundings.programs)
    names = find_programs(target, fleet, programs)
    for name in names:
        log = _log_of(name, fleet, programs)
        if len(names) > 1:
            say(f"{name}: {log}")
        for line in tail(log, lines):
            click.echo(line)


def _log_of(name: str, fleet: Fleet, programs: LabPrograms) -> Path:
    return fleet.program(name).log if fleet.server(name) is None else programs.database[name].log


def _state(program: Running) -> str:
    words = (program.state, program.role, "cut off" if program.cut_off else "")
    return ", ".join(word for word in words if word)


def _cables_page(cables: Sequence[SeenCable]) -> list[Line]:
    if not cables:
        return []
    down = [cable.cable for cable in cables if not cable.up]
    value = f"down: {', '.join(down)}" if down else f"all {len(cables)} up"
    return [Line(name="cables", value=value, good=not down)]


def _fleet_page(seen: dict[str, Any] | None) -> list[Any]:
    if seen is None:
        return [Line(name="fleet", value="no region process answers", good=False)]
    return list(status_page(seen))


def _address(host: Host) -> str:
    if not host.entrance:
        return f"{host.name}: https://{host.http}"
    return f"{host.name}: {host.address}; enter it with: {shlex.join(host.entrance)} bash"


def _say_card(fleet: Fleet, directory: Path | None, *, retain: bool) -> None:
    kept = "kept" if retain else "removed"
    say(f"  folder   {fleet.directory} ({kept} by `{lab_command('down', directory)}`)")
    for process in fleet.processes:
        if process.instance == 1:
            say(f"  address  {_address(process.host)}")
    say(f"  ask      evenrack --socket {fleet.processes[0].socket} status")
    deeds = ("status", "kill leader", "drill")
    for words in deeds if fleet.network is None else (*deeds, "cut region1"):
        say(f"  next     {lab_command(words, directory)}")
