"""Many objects from a CSV file, all of them or none: what the import commands have in common."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

import click
from attrs import frozen

from evenrack.cli.inventory import confirm, json_object
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Line, page_text
from evenrack.cli.waiting import told_while_waiting
from evenrack.client import Client
from evenrack.model.csv_lines import MOST_BYTES, MOST_LINES

STANDARD_INPUT = "-"
ANSWER_SECONDS = 120.0
"""For one answer about the largest file, on a busy host."""
LONG_LINES = 5_000
"""Lines from which on it takes long enough to say what is being done."""

Command = TypeVar("Command", bound=Callable[..., Any])


@frozen(kw_only=True)
class Import:
    """How the operator wants to import."""

    plural: str
    """What is imported, as it is called in addresses."""
    file: str
    only_plan: bool
    yes: bool
    as_json: bool

    @property
    def path(self) -> str:
        return f"/api/v1/{self.plural}/import"


def import_options(command: Command) -> Command:
    """Add the argument and the options of every command that imports."""
    yes = click.option("--yes", is_flag=True, help="Do not ask.")
    plan = click.option(
        "--plan", "only_plan", is_flag=True, help="Only show what would be changed."
    )
    file = click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
    for option in (json_object, yes, plan, file):
        command = option(command)
    return command


def import_file(session: Session, how: Import, **within: str) -> None:
    """Show the plan, ask, and import what was planned."""
    if how.file == STANDARD_INPUT and not (how.yes or how.only_plan):
        raise click.UsageError("the file comes from standard input, so this needs --yes or --plan")
    content = _content_of(how.file)
    client = session.client(seconds=ANSWER_SECONDS)
    plan = _ask(client, how.path, content, "checking", plan="true", **within)
    if how.only_plan:
        session.show(plan, _counts(plan), as_json=how.as_json)
        return
    say(f"this is imported:\n{page_text(_counts(plan))}")
    if not (plan["new"] or plan["changed"]):
        _show_done(how, plan, "all is as the file says; nothing was changed")
        return
    confirm(session, yes=how.yes, question="import it?", refusal="nothing was imported")
    done = _ask(client, how.path, content, "importing", planned=plan["plan"], **within)
    _show_done(how, done, f"{how.plural} imported")


def _ask(
    client: Client, address: str, content: bytes, deed: str, **arguments: str
) -> dict[str, Any]:
    path = f"{address}?{urlencode(arguments)}"
    lines = content.count(b"\n")
    if lines < LONG_LINES:
        return _answer(client, path, content)
    with told_while_waiting(say, f"{deed} {lines} lines"):
        return _answer(client, path, content)


def _answer(client: Client, path: str, content: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = client.post_file(path, content, "text/csv")
    return answer


def _counts(plan: dict[str, Any]) -> list[Line]:
    return [Line(name=name, value=str(plan[name])) for name in ("new", "changed", "same")]


def _show_done(how: Import, done: dict[str, Any], words: str) -> None:
    if how.as_json:
        echo_json(done)
    say(f"{words}; next: evenrack {how.plural.removesuffix('s')} list")


def _content_of(file: str) -> bytes:
    try:
        with click.open_file(file, "rb") as opened:
            # one byte more than allowed tells "too large" without reading all of it
            content: bytes = opened.read(MOST_BYTES + 1)
    except OSError as problem:
        raise click.ClickException(
            f"{file}: it cannot be read: {problem.strerror or problem}"
        ) from None
    if len(content) > MOST_BYTES:
        raise click.ClickException(
            f"{file}: it has over {MOST_BYTES >> 20} MiB (and at most {MOST_LINES} lines are "
            "taken); import it in parts"
        )
    return content
