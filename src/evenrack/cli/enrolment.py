"""`evenrack enrolment`: secrets by which new racks join."""

from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, given, json_list, json_object
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Table

COLUMNS = ("name", "state", "rack", "uses_left", "expires_at", "who")


@click.group(epilog=examples("evenrack enrolment create rack7", "evenrack enrolment list"))
def enrolment() -> None:
    """Let new racks join: make, list and revoke enrolment secrets."""


@enrolment.command(
    "create",
    epilog=examples(
        "evenrack enrolment create rack7",
        "evenrack enrolment create row-b --uses 12 --minutes 240",
        "evenrack enrolment create rack3-again --rack rack3 --json",
    ),
)
@click.argument("name")
@click.option("--uses", type=int, help="How many racks may join with it, 1 to 10000. [default: 1]")
@click.option("--minutes", type=int, help="How long it is good, 1 to 43200. [default: 60]")
@click.option("--rack", metavar="RACK", help="Only for this rack, which comes back as itself.")
@json_object
@click.pass_obj
def create_enrolment(session: Session, /, name: str, *, as_json: bool, **wanted: Any) -> None:
    """Make a secret, and show the one line to run on the new rack.

    It is shown once: nobody can read it again.
    """
    made = session.client().post("/api/v1/enrolments", {"name": name, **given(**wanted)})
    if as_json:
        echo_json(made)
        return
    click.echo(_line_for_rack(made["secret"], made.get("region")))
    say(
        f'run that line on the new rack, as root; enrolment "{name}" is good until '
        f"{made['expires_at']} for {made['uses_left']} rack(s); next: evenrack rack list"
    )


@enrolment.command("list", epilog=examples("evenrack enrolment list --json"))
@json_list
@click.pass_obj
def list_enrolments(session: Session, *, as_json: bool) -> None:
    """List enrolment secrets, without the secrets."""
    found = session.client().get("/api/v1/enrolments")
    session.show(found, [_table(found)], as_json=as_json)


@enrolment.command("revoke", epilog=examples("evenrack enrolment revoke rack7"))
@click.argument("name")
@json_object
@click.pass_obj
def revoke_enrolment(session: Session, name: str, *, as_json: bool) -> None:
    """Let nobody join with a secret any more."""
    gone = session.client().delete(address_of("enrolments", name))
    session.show(gone, [_table([gone])], as_json=as_json)
    say(f'enrolment "{name}" is {gone["state"]}; next: evenrack enrolment list')


def _line_for_rack(secret: str, region: str | None) -> str:
    """Write the line so that the secret stands in no program's arguments: printf is the shell's."""
    asked = f" --region {region}" if region else ""
    return f"printf '%s\\n' {secret} | evenrack-rackd register{asked} --secret-file -"


def _table(found: list[dict[str, Any]]) -> Table:
    return Table(
        title="enrolments",
        columns=COLUMNS,
        rows=[[_cell(row[column]) for column in COLUMNS] for row in found],
    )


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
