"""What the commands of VLANs, subnets, ranges and reservations have in common."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import click
from attrs import frozen

from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Block, Line, object_page, page_text
from evenrack.client import Client

LIST_LENGTH = 1_000
"""Objects asked for at once."""

Command = TypeVar("Command", bound=Callable[..., Any])

json_list = click.option("--json", "as_json", is_flag=True, help="A JSON list.")
json_object = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
if_generation = click.option(
    "--if-generation",
    metavar="N",
    help="Only if the object still has this generation, as --json shows it.",
)


@frozen(kw_only=True)
class Deletion:
    """How the operator wants to delete."""

    yes: bool
    only_plan: bool
    as_json: bool
    generation: str | None


def deletion_options(command: Command) -> Command:
    """Add the options of every command that deletes."""
    yes = click.option("--yes", is_flag=True, help="Do not ask.")
    plan = click.option("--plan", "only_plan", is_flag=True, help="Only show what would go.")
    for option in (json_object, if_generation, plan, yes):
        command = option(command)
    return command


def address_of(plural: str, name: str) -> str:
    """Give the API's address of an object by its name or its id."""
    return f"/api/v1/{plural}/{quote(name, safe='')}"


def all_of(client: Client, plural: str, **within: str | None) -> list[dict[str, Any]]:
    """Read a whole list, page by page; `within` narrows it."""
    wanted = {name: value for name, value in within.items() if value is not None}
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        query = urlencode({**wanted, "after": after, "limit": LIST_LENGTH})
        page = client.get(f"/api/v1/{plural}?{query}")
        found += page[plural]
        if page["next"] is None:
            return found
        after = page["next"]


def given(**options: Any) -> dict[str, Any]:
    """Keep the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def one_or_none(
    fields: dict[str, Any], name: str, *, remove: bool, nothing: Any = None
) -> dict[str, Any]:
    """Put `nothing` into a field if its --no-... was given; both at once is wrong usage."""
    if not remove:
        return fields
    if name in fields:
        raise click.UsageError(f"{name} is given and taken away; give one of the two")
    return {**fields, name: nothing}


def set_fields(
    session: Session, path: str, fields: Mapping[str, Any], generation: str | None
) -> dict[str, Any]:
    """Change an object; wrong usage when nothing is to be changed."""
    if not fields:
        raise click.UsageError("nothing to set; --help shows what can be set")
    changed: dict[str, Any] = session.client().patch(path, fields, if_match=generation)
    return changed


def show_done(
    session: Session, done: dict[str, Any], *, as_json: bool, deed: str, follow: str
) -> None:
    """Show the object as it is now, and name the next useful command."""
    session.show(done, object_page(done), as_json=as_json)
    say(f"{deed}; next: {follow}")


def delete_after_plan(
    session: Session,
    path: str,
    how: Deletion,
    contents: Callable[[Client, dict[str, Any]], Sequence[Line]],
) -> dict[str, Any] | None:
    """Show what would go, ask, and delete; None when only the plan was wanted.

    The plan is of one generation of the object: when that has changed at the end, nothing goes.
    """
    client = session.client()
    goes = client.get(path)
    inside = contents(client, goes)
    if how.only_plan and how.as_json:
        echo_json({**goes, "with": {line.name: int(line.value) for line in inside}})
        return None
    plan: list[Block] = [*object_page(goes), *inside]
    if how.only_plan:
        session.draw(plan)
        return None
    say(f"this is deleted:\n{page_text(plan)}")
    confirm(session, yes=how.yes, question="delete it?", refusal="nothing was deleted")
    gone: dict[str, Any] = client.delete(path, if_match=how.generation or goes["generation"])
    if how.as_json:
        echo_json(gone)
    return gone


def confirm(session: Session, *, yes: bool, question: str, refusal: str) -> None:
    """Ask before a dangerous deed, unless it was said already; without a terminal nobody can be."""
    if yes:
        return
    if not (session.surroundings.terminal and sys.stdin.isatty()):
        raise click.UsageError("without a terminal nobody can be asked: this needs --yes")
    if not click.confirm(question, err=True):
        raise click.ClickException(refusal)


def confirm_by_name(session: Session, name: str, given: str | None, *, refusal: str) -> None:
    """Have the name typed before a deed that cannot be undone, unless --confirm gives it."""
    if given is None:
        if not (session.surroundings.terminal and sys.stdin.isatty()):
            raise click.UsageError(
                f"without a terminal nobody can be asked: this needs --confirm={name}"
            )
        given = click.prompt(f"to go on, type its name ({name})", err=True)
    if given != name:
        raise click.ClickException(f'"{given}" is not its name, {name}: {refusal}')
