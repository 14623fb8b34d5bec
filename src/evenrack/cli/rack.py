"""`evenrack rack`: the racks, their connections and who manages them."""

import click

from evenrack.cli.choose import choose
from evenrack.cli.examples import examples
from evenrack.cli.session import Session
from evenrack.cli.show import object_page, racks_table


@click.group(epilog=examples("evenrack rack list", "evenrack rack show rack1"))
def rack() -> None:
    """Show racks, their connections and who manages them."""


@rack.command("list", epilog=examples("evenrack rack list --json"))
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_obj
def list_racks(session: Session, *, as_json: bool) -> None:
    """List racks."""
    found = session.client().get("/api/v1/racks")
    session.show(found, [racks_table(found)], as_json=as_json)


@rack.command("show", epilog=examples("evenrack rack show rack1", "evenrack rack show k3f --json"))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show_rack(session: Session, name: str, *, as_json: bool) -> None:
    """Show one rack, by name, by id or by the start of its id."""
    found = choose(session.client().get("/api/v1/racks"), name, "rack")
    session.show(found, object_page(found), as_json=as_json)
