"""`evenrack token`: who may ask over HTTP, and how much."""

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, json_list, json_object, show_done
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show_trust import tokens_table

ROLES = ("viewer", "operator", "admin")
MOST_DAYS = 366


@click.group(
    epilog=examples(
        "evenrack token create ci --role viewer",
        "evenrack token list",
        "evenrack token revoke ci",
    )
)
def token() -> None:
    """Say who may ask over HTTP, and how much; the socket of a region host needs no token."""


@token.command(
    "create",
    epilog=examples(
        "evenrack token create ci --role viewer",
        "evenrack token create night-shift --role operator --days 7 --json",
    ),
)
@click.argument("name")
@click.option(
    "--role",
    required=True,
    type=click.Choice(ROLES),
    help="viewer looks, operator changes network and machines, admin says who may.",
)
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=90,
    show_default=True,
    help="How long it lives.",
)
@json_object
@click.pass_obj
def create_token(session: Session, name: str, *, role: str, days: int, as_json: bool) -> None:
    """Make a token and print it, this once; give each person and program one of its own."""
    body = {"name": name, "role": role, "days": days}
    made = session.client().post("/api/v1/tokens", body)
    if as_json:
        echo_json(made)
    else:
        click.echo(made["token"])
    say(
        f"token {made['name']} ({made['role']}) is good until {made['expires_at']}; it is shown "
        "only now: keep it in a file with mode 0600; next: evenrack --region https://HOST:5240 "
        "--token-file FILE status"
    )


@token.command("list", epilog=examples("evenrack token list", "evenrack token list --json"))
@json_list
@click.pass_obj
def list_tokens(session: Session, *, as_json: bool) -> None:
    """List tokens, without the tokens themselves: nobody can see them again."""
    found = session.client().get("/api/v1/tokens")
    session.show(found, [tokens_table(found)], as_json=as_json)


@token.command(
    "revoke", epilog=examples("evenrack token revoke ci", "evenrack token revoke ci --json")
)
@click.argument("name")
@json_object
@click.pass_obj
def revoke_token(session: Session, name: str, *, as_json: bool) -> None:
    """Let a token count no more, at once and on every region process."""
    gone = session.client().delete(address_of("tokens", name))
    deed = f"token {gone['name']} revoked"
    show_done(session, gone, as_json=as_json, deed=deed, follow="evenrack audit")
