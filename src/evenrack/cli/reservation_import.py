"""`evenrack reservation import`: many reservations from a CSV file, all of them or none."""

from typing import Any
from urllib.parse import urlencode

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import confirm, given, json_object
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Line, page_text
from evenrack.cli.waiting import told_while_waiting
from evenrack.client import Client
from evenrack.model.csv_lines import MOST_BYTES, MOST_LINES

PATH = "/api/v1/reservations/import"
STANDARD_INPUT = "-"
ANSWER_SECONDS = 120.0
"""For one answer about the largest file, on a busy host."""
LONG_LINES = 5_000
"""Lines from which on it takes long enough to say what is being done."""


@click.command(
    "import",
    epilog=examples(
        "evenrack reservation import cards.csv --plan",
        "evenrack reservation import cards.csv --vlan vlan1 --yes",
        "evenrack reservation import - --yes --json",
    ),
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--vlan", help="Every address has to be on this VLAN.")
@click.option("--plan", "only_plan", is_flag=True, help="Only show what would be changed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_object
@click.pass_obj
def import_reservations(
    session: Session, file: str, *, vlan: str | None, only_plan: bool, yes: bool, as_json: bool
) -> None:
    """Make and change reservations as a CSV FILE says, all of them or none; - reads standard input.

    Its first line names the columns, in any order: mac, address, and hostname if there is one. A
    card that has an address on the VLAN gets this one instead. What is not in the file stays.
    """
    if file == STANDARD_INPUT and not (yes or only_plan):
        raise click.UsageError("the file comes from standard input, so this needs --yes or --plan")
    content = _content_of(file)
    within = given(vlan=vlan)
    client = session.client(seconds=ANSWER_SECONDS)
    plan = _ask(client, content, "checking", plan="true", **within)
    if only_plan:
        session.show(plan, _counts(plan), as_json=as_json)
        return
    say(f"this is imported:\n{page_text(_counts(plan))}")
    if not (plan["new"] or plan["changed"]):
        _show_done(plan, "all is as the file says; nothing was changed", as_json=as_json)
        return
    confirm(session, yes=yes, question="import it?", refusal="nothing was imported")
    done = _ask(client, content, "importing", planned=plan["plan"], **within)
    _show_done(done, "reservations imported", as_json=as_json)


def _ask(client: Client, content: bytes, deed: str, **arguments: str) -> dict[str, Any]:
    path = f"{PATH}?{urlencode(arguments)}"
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


def _show_done(done: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        echo_json(done)
    say(f"{words}; next: evenrack reservation list")


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
