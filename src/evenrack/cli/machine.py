"""`evenrack machine`: the computers that are switched on and off."""

import click

from evenrack.cli.bmc_import import import_machines
from evenrack.cli.examples import examples
from evenrack.cli.inventory import (
    Deletion,
    address_of,
    all_of,
    delete_after_plan,
    deletion_options,
    json_list,
    json_object,
    show_done,
)
from evenrack.cli.machine_power import power
from evenrack.cli.session import Session, say
from evenrack.cli.show import machines_table, object_page


@click.group(
    epilog=examples(
        "evenrack machine list", "evenrack machine add m1 --bmc b1", "evenrack machine show m1"
    )
)
def machine() -> None:
    """Show, change and switch machines."""


machine.add_command(power)
machine.add_command(import_machines)


@machine.command(
    "add",
    epilog=examples("evenrack machine add m1 --bmc b1", "evenrack machine add m2 --bmc 3 --json"),
)
@click.argument("name")
@click.option("--bmc", required=True, help="The BMC that switches it, by name or id.")
@json_object
@click.pass_obj
def add_machine(session: Session, name: str, *, bmc: str, as_json: bool) -> None:
    """Add a machine, and say which BMC switches it."""
    made = session.client().post("/api/v1/machines", {"name": name, "bmc": bmc})
    follow = f"evenrack machine show {made['name']}"
    deed = f"machine {made['name']} added"
    show_done(session, made, as_json=as_json, deed=deed, follow=follow)


@machine.command(
    "list", epilog=examples("evenrack machine list", "evenrack machine list --bmc b1 --json")
)
@click.option("--bmc", help="Only what this BMC switches.")
@json_list
@click.pass_obj
def list_machines(session: Session, *, bmc: str | None, as_json: bool) -> None:
    """List machines."""
    found = all_of(session.client(), "machines", bmc=bmc)
    session.show(found, [machines_table(found)], as_json=as_json)


@machine.command(
    "show", epilog=examples("evenrack machine show m1", "evenrack machine show 3 --json")
)
@click.argument("name")
@json_object
@click.pass_obj
def show_machine(session: Session, name: str, *, as_json: bool) -> None:
    """Show one machine, by name or id."""
    found = session.client().get(address_of("machines", name))
    session.show(found, object_page(found), as_json=as_json)


@machine.command(
    "delete",
    epilog=examples("evenrack machine delete m1 --plan", "evenrack machine delete 3 --yes"),
)
@click.argument("name")
@deletion_options
@click.pass_obj
def delete_machine(
    session: Session, /, name: str, *, if_generation: str | None, **how: bool
) -> None:
    """Delete a machine; its BMC stays."""
    deletion = Deletion(generation=if_generation, **how)
    gone = delete_after_plan(
        session, address_of("machines", name), deletion, lambda _client, _goes: []
    )
    if gone is not None:
        say(f"machine {gone['name']} deleted; next: evenrack bmc show {gone['bmc']}")
