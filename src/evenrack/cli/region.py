"""`evenrack region`: the region hosts and their processes."""

import click

from evenrack.cli.choose import choose
from evenrack.cli.drain import drain_region, resume_region, step_down
from evenrack.cli.examples import examples
from evenrack.cli.session import Session
from evenrack.cli.show import object_page, processes_table


@click.group(
    epilog=examples(
        "evenrack region list", "evenrack region show region1", "evenrack region drain region1"
    )
)
def region() -> None:
    """Show region hosts and their processes; have one drained; let another lead."""


for _command in (drain_region, resume_region, step_down):
    region.add_command(_command)


@region.command("list", epilog=examples("evenrack region list --json"))
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_obj
def list_regions(session: Session, *, as_json: bool) -> None:
    """List region hosts with their processes."""
    found = session.client().get("/api/v1/regions")
    session.show(found, [processes_table(found)], as_json=as_json)


@region.command(
    "show", epilog=examples("evenrack region show region1", "evenrack region show region1/2 --json")
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show_region(session: Session, name: str, *, as_json: bool) -> None:
    """Show one region host, or one process (region1/2)."""
    regions = session.client().get("/api/v1/regions")
    if "/" in name:
        processes = [
            {**process, "hostname": process["id"]}
            for row in regions
            for process in row["processes"]
        ]
        found = choose(processes, name, "region process")
        found = {key: value for key, value in found.items() if key != "hostname"}
    else:
        found = choose(regions, name, "region")
    session.show(found, object_page(found), as_json=as_json)
