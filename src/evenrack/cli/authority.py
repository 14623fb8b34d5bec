"""`evenrack authority`: who signs certificates, and how another one comes to."""

from collections.abc import Iterable
from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, json_list
from evenrack.cli.session import Session, say
from evenrack.cli.show import Line, Table

COLUMNS = ("pin", "state", "certificates")
without_them = click.option(
    "--without-them", is_flag=True, help="Even if some are left behind: they must enrol anew."
)


@click.group(
    epilog=examples(
        "evenrack authority list",
        "evenrack authority show --pem",
        "evenrack authority rotate",
        "evenrack authority activate 4f2a",
        "evenrack authority retire 9c01",
    )
)
def authority() -> None:
    """Show who signs certificates, and put another one in its place.

    Three steps, each when the one before has reached everybody: rotate makes a new authority and
    names it to all; activate lets it sign, and everybody gets a new certificate; retire forgets the
    old one. No link ends.
    """


@authority.command("list", epilog=examples("evenrack authority list --json"))
@json_list
@click.pass_obj
def list_authorities(session: Session, *, as_json: bool) -> None:
    """List authorities: the one that signs, those that did or will, and who waits."""
    _show(session, session.client().get("/api/v1/authorities"), as_json=as_json)


@authority.command(
    "show",
    epilog=examples(
        "evenrack authority show",
        "evenrack authority show --pem",
        "evenrack authority show 4f2a --json",
    ),
)
@click.argument("pin", required=False)
@click.option("--pem", is_flag=True, help="Only the certificates, as --authority takes them.")
@json_list
@click.pass_obj
def show_authorities(session: Session, /, pin: str | None, *, pem: bool, as_json: bool) -> None:
    """Show the certificates of all authorities, or of the one whose pin begins so.

    With --pem they are what a client elsewhere needs to know the regions by: a file for
    --authority, or ~/.config/evenrack/authority.pem there.
    """
    if pem and as_json:
        raise click.UsageError("--pem and --json are both given; give one of the two")
    all_of_them = session.client().get("/api/v1/authorities")
    found = [each for each in all_of_them if each["pin"].startswith(pin or "")]
    if not found:
        there_are = ", ".join(each["pin"] for each in all_of_them) or "none yet"
        raise click.ClickException(f'no authority has a pin like "{pin}"; there are: {there_are}')
    if pem:
        click.echo("".join(each["certificate"] for each in found), nl=False)
        return
    session.show(found, [line for each in found for line in _lines(each)], as_json=as_json)
    if not as_json:
        say("next: evenrack authority show --pem prints the certificates")


@authority.command("rotate", epilog=examples("evenrack authority rotate"))
@json_list
@click.pass_obj
def rotate(session: Session, *, as_json: bool) -> None:
    """Make the next authority, and name it to every region process and rack."""
    found = session.client().post("/api/v1/authorities", {})
    _show(session, found, as_json=as_json)
    pin = next(each["pin"] for each in found if each["state"] == "next")
    say(f"made; next, when all trust it: evenrack authority activate {pin}")


@authority.command("activate", epilog=examples("evenrack authority activate 4f2a"))
@click.argument("pin")
@without_them
@json_list
@click.pass_obj
def activate(session: Session, pin: str, *, without_them: bool, as_json: bool) -> None:
    """Let the next authority sign from now on; regions and racks renew at once."""
    body = {"without_them": True} if without_them else {}
    found = session.client().post(address_of("authorities", pin), body)
    _show(session, found, as_json=as_json)
    old = next(each["pin"] for each in found if each["state"] == "retiring")
    say(f"it signs now; next, when nothing of the old one is used: evenrack authority retire {old}")


@authority.command("retire", epilog=examples("evenrack authority retire 9c01"))
@click.argument("pin")
@without_them
@json_list
@click.pass_obj
def retire(session: Session, pin: str, *, without_them: bool, as_json: bool) -> None:
    """Trust an authority no more: one that signed before, or one that never did."""
    query = "?without_them=true" if without_them else ""
    found = session.client().delete(f"{address_of('authorities', pin)}{query}")
    _show(session, found, as_json=as_json)
    say("nobody trusts it any more; next: evenrack status")


def _show(session: Session, found: list[dict[str, Any]], *, as_json: bool) -> None:
    table = Table(
        title="authorities",
        columns=COLUMNS,
        rows=[[each[column] for column in COLUMNS] for each in found],
    )
    waiting = [name for each in found for name in each["not_trusted_by"]]
    lines = [Line(name="not known yet to", value=", ".join(waiting), good=False)] if waiting else []
    session.show(found, [table, *lines], as_json=as_json)


def _lines(found: dict[str, Any]) -> Iterable[Line]:
    yield Line(name="pin", value=found["pin"])
    yield Line(name="state", value=found["state"])
    yield Line(name="good until", value=found["not_after"])
    yield Line(name="certificates of it in use", value=str(found["certificates"]))
