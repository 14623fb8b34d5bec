"""`evenrack status`: problems first, then who manages what, who leads, and what survives a loss."""

from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.session import Session, echo_json, echo_json_line
from evenrack.cli.show import status_page

WATCH_SECONDS = 1.0


@click.command(
    epilog=examples(
        "evenrack status",
        "evenrack status --check",
        "evenrack status --watch",
        "evenrack --region https://region1:5240 status --json",
    )
)
@click.option("--watch", is_flag=True, help="Show it again each second until Ctrl-C.")
@click.option("--check", is_flag=True, help="Exit 1 when there are problems, 0 when not.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object (a line, with --watch).")
@click.pass_context
def status(context: click.Context, *, watch: bool, check: bool, as_json: bool) -> None:
    """Show problems, racks managed, connections, and who leads."""
    session: Session = context.obj
    client = session.client()
    seen = client.get("/api/v1/status")
    _show(session, seen, as_json=as_json, watch=watch)
    while watch:
        session.clocks.sleep(WATCH_SECONDS)
        seen = client.get("/api/v1/status")
        _show(session, seen, as_json=as_json, watch=watch)
    if check and seen["problems"]:
        context.exit(1)


def _show(session: Session, seen: dict[str, Any], *, as_json: bool, watch: bool) -> None:
    if as_json:
        (echo_json_line if watch else echo_json)(seen)
        return
    if watch and session.surroundings.terminal:
        click.clear()
    session.draw(status_page(seen))
