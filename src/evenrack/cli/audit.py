"""`evenrack audit`: every change that was asked for, by whom and from where."""

from collections.abc import Iterator
from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.session import Session, echo_json, echo_json_line
from evenrack.cli.show_trust import audit_text
from evenrack.client import Client

FOLLOW_SECONDS = 0.5
PAGE = 500


@click.command(
    epilog=examples("evenrack audit", "evenrack audit --limit 20", "evenrack audit --follow --json")
)
@click.option("--follow", is_flag=True, help="Go on with new ones until Ctrl-C.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1000),
    default=100,
    show_default=True,
    help="At most this many old ones, the newest.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="A JSON list; one object a line with --follow."
)
@click.pass_obj
def audit(session: Session, *, follow: bool, limit: int, as_json: bool) -> None:
    """Show every change that was asked for: who, from where, what, and what was answered.

    Refused ones too. Answers count as in HTTP: 2xx done, 401 and 403 not allowed, 499 nobody
    waited for the answer.
    """
    client = session.client()
    newest = client.get(f"/api/v1/audit?limit={limit}")["audit"]
    if as_json and not follow:
        echo_json(newest)
        return
    _show(newest, as_json=as_json)
    last = newest[-1]["id"] if newest else 0
    while follow:
        session.clocks.sleep(FOLLOW_SECONDS)
        for row in _after(client, last):
            _show([row], as_json=as_json)
            last = row["id"]


def _after(client: Client, last: int) -> Iterator[dict[str, Any]]:
    """Give every row after this number, page by page."""
    while True:
        page = client.get(f"/api/v1/audit?after={last}&limit={PAGE}")
        yield from page["audit"]
        if len(page["audit"]) < PAGE:
            return
        last = page["next"]


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    for row in rows:
        if as_json:
            echo_json_line(row)
        else:
            click.echo(audit_text(row))
