"""`evenrack events`: every move and every loss, with its reason."""

from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.session import Session, echo_json, echo_json_line
from evenrack.cli.show import event_text
from evenrack.lab.events import events_after, newest_events

FOLLOW_SECONDS = 0.5


@click.command(
    epilog=examples(
        "evenrack events", "evenrack events --limit 20", "evenrack events --follow --json"
    )
)
@click.option("--follow", is_flag=True, help="Go on with new events until Ctrl-C.")
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
def events(session: Session, *, follow: bool, limit: int, as_json: bool) -> None:
    """Show every move and every loss, with its reason."""
    client = session.client()
    newest = newest_events(client, limit)
    if as_json and not follow:
        echo_json(newest)
        return
    _show(newest, as_json=as_json)
    last = newest[-1]["id"] if newest else 0
    while follow:
        session.clocks.sleep(FOLLOW_SECONDS)
        found = list(events_after(client, last))
        _show(found, as_json=as_json)
        last = found[-1]["id"] if found else last


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    for event in found:
        if as_json:
            echo_json_line(event)
        else:
            click.echo(event_text(event))
