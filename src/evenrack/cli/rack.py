"""`evenrack rack`: the racks, their connections and who manages them."""

from collections.abc import Iterable
from typing import Any

import click

from evenrack.cli.choose import choose
from evenrack.cli.drain import drain_rack, resume_rack
from evenrack.cli.examples import examples
from evenrack.cli.inventory import (
    Deletion,
    address_of,
    confirm,
    confirm_by_name,
    deletion_options,
    json_object,
)
from evenrack.cli.rack_interface import rack_interface
from evenrack.cli.replace import replace_rack
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Line, object_page, page_text, racks_table


@click.group(
    epilog=examples(
        "evenrack rack list",
        "evenrack rack show rack1",
        "evenrack rack replace rack1 rack9 --plan",
        "evenrack rack revoke rack1",
        "evenrack rack delete rack1 --plan",
    )
)
def rack() -> None:
    """Show racks, their connections and who manages them; shut out or delete one."""


rack.add_command(drain_rack)
rack.add_command(resume_rack)
rack.add_command(rack_interface)
rack.add_command(replace_rack)


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


@rack.command(
    "delete",
    epilog=examples(
        "evenrack rack delete rack3 --plan",
        "evenrack rack delete rack3 --yes",
        "evenrack rack delete rack3 --gone --confirm=rack3",
    ),
)
@click.argument("name")
@click.option(
    "--gone",
    is_flag=True,
    help="Your word that it is dead, or that both of its services are stopped.",
)
@click.option(
    "--confirm", "confirmed", metavar="NAME", help="The rack's name again: nobody is asked for it."
)
@deletion_options
@click.pass_obj
def delete_rack(
    session: Session,
    /,
    name: str,
    *,
    gone: bool,
    confirmed: str | None,
    if_generation: str | None,
    **how: bool,
) -> None:
    """Delete a rack: it is cut off at once, and others do what it did.

    It cannot come back with its certificate; enrolled anew, it is a new rack. Refused with a list
    when something would have nobody, or when its DHCP server may go on beside another one; with
    --gone only what cannot be helped is refused.
    """
    wanted, client = Deletion(generation=if_generation, **how), session.client()
    found = choose(client.get("/api/v1/racks"), name, "rack")
    address = address_of("racks", found["id"])
    removal = client.get(f"{address}/removal")
    plan = list(_removal_lines(removal))
    if wanted.only_plan:
        session.show(removal, plan, as_json=wanted.as_json)
        return
    _refuse_hindered(removal, gone=gone)
    say(f"this is deleted:\n{page_text(plan)}")
    refusal = "nothing was deleted"
    if gone or confirmed is not None:
        confirm_by_name(session, removal["hostname"], confirmed, refusal=refusal)
    else:
        confirm(session, yes=wanted.yes, question="delete it?", refusal=refusal)
    query = "?gone=true" if gone else ""
    done = client.delete(f"{address}{query}", if_match=wanted.generation)
    if wanted.as_json:
        echo_json(done)
    say(
        f"rack {done['hostname']} ({done['rack']}) is deleted, and {done['certificates']} "
        "certificate(s) of it revoked; next: evenrack status"
    )


def _refuse_hindered(removal: dict[str, Any], *, gone: bool) -> None:
    """Say why it cannot be now, each reason on a line of its own."""
    hindrances = [
        each["why"] for each in removal["hindrances"] if not (gone and each["gone_helps"])
    ]
    if not hindrances:
        return
    helped = not gone and all(each["gone_helps"] for each in removal["hindrances"])
    if helped:
        name = removal["hostname"]
        hindrances.append(
            f"if {name} is dead for good: evenrack rack delete {name} --gone --confirm={name}"
        )
    lines = "\n".join(f"  {why}" for why in hindrances)
    raise click.ClickException(f"RackNeeded: nothing was deleted\n{lines}")


def _removal_lines(removal: dict[str, Any]) -> Iterable[Line]:
    yield Line(name="rack", value=f"{removal['hostname']} ({removal['rack']})")
    yield Line(name="connected", value="yes" if removal["connected"] else "no")
    yield Line(name="managed by", value=removal["managed_by"] or "nobody")
    yield Line(name="BMCs that get another owner", value=", ".join(removal["bmcs"]) or "none")
    for role in removal["vlans"]:
        then = ", ".join(role["then"]) or "nobody"
        yield Line(name=role["vlan"], value=f"it is {role['role']}; afterwards: {then}")
    yield Line(name="certificates", value=f"{removal['certificates']} revoked")
    for each in removal["hindrances"]:
        yield Line(name=each["object"], value=each["why"], good=False)
    yield Line(name="generation", value=removal["generation"])
