"""`evenrack balance`: who was moved where, and why."""

import click

from evenrack.cli.examples import examples
from evenrack.cli.session import Session
from evenrack.cli.show import moves_table


@click.group(epilog=examples("evenrack balance history"))
def balance() -> None:
    """Show who was moved where, and why."""


@balance.command(
    epilog=examples("evenrack balance history --limit 20", "evenrack balance history --json")
)
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1000),
    default=100,
    show_default=True,
    help="At most this many, the newest.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_obj
def history(session: Session, *, limit: int, as_json: bool) -> None:
    """Show the moves, each with its reason."""
    moves = session.client().get(f"/api/v1/balance/history?limit={limit}")
    session.show(moves, [moves_table(moves)], as_json=as_json)
