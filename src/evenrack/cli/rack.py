"""`evenrack rack`: the racks, their connections and who manages them."""

import click

from evenrack.cli.choose import choose
from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, confirm, json_object
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import object_page, racks_table


@click.group(
    epilog=examples("evenrack rack list", "evenrack rack show rack1", "evenrack rack revoke rack1")
)
def rack() -> None:
    """Show racks, their connections and who manages them; shut out one that was stolen."""


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


@rack.command(
    "revoke", epilog=examples("evenrack rack revoke rack3", "evenrack rack revoke rack3 --yes")
)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_object
@click.pass_obj
def revoke_rack(session: Session, name: str, *, yes: bool, as_json: bool) -> None:
    """Shut a rack out: its certificates are worth nothing from now on, on every region process.

    It comes back only with an enrolment secret made for it.
    """
    client = session.client()
    found = choose(client.get("/api/v1/racks"), name, "rack")
    say(f"rack {found['hostname']} ({found['id']}) is cut off at once, and cannot come back")
    confirm(session, yes=yes, question="revoke it?", refusal="nothing was revoked")
    gone = client.delete(address_of("certificates", found["id"]))
    if as_json:
        echo_json(gone)
    say(
        f"{gone['revoked']} certificate(s) revoked; to let it back: evenrack enrolment create "
        f"{found['hostname']}-again --rack {found['hostname']}"
    )
