"""`evenrack balance`: who was moved where, and why; to hold everything, and to release it."""

import click

from evenrack.cli.balance_plan import plan_command
from evenrack.cli.balance_solve import solve_command
from evenrack.cli.duration import DURATION
from evenrack.cli.examples import examples
from evenrack.cli.inventory import given, json_object
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import moves_table

HOLD = "/api/v1/balance/hold"


@click.group(
    epilog=examples(
        "evenrack balance history",
        "evenrack balance hold --for 2h --reason 'the core switch is replaced'",
        "evenrack balance release",
    )
)
def balance() -> None:
    """Show who was moved where, and why; hold everything in its place, and release it."""


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


@balance.command(
    epilog=examples(
        "evenrack balance hold --for 2h --reason 'the core switch is replaced'",
        "evenrack balance hold --reason 'until the audit is over' --json",
    )
)
@click.option(
    "--for",
    "seconds",
    type=DURATION,
    metavar="SPAN",
    help="It ends by itself then: 90s, 30m, 2h, 7d. [default: only when it is released]",
)
@click.option("--reason", required=True, help="For whoever looks.")
@json_object
@click.pass_obj
def hold(session: Session, *, seconds: int | None, reason: str, as_json: bool) -> None:
    """Stop voluntary moves and changes of roles; what is lost is still replaced.

    It is shown as a problem (BalanceHeld) until it is released. A new hold takes the place of one
    before it.
    """
    fields = given(reason=reason, for_seconds=seconds)
    state = session.client().post(HOLD, fields)
    if as_json:
        echo_json(state)
    until = state["hold"]["until"]
    say(f"held{f' until {until}' if until else ''}; next: evenrack balance release")


@balance.command(epilog=examples("evenrack balance release", "evenrack balance release --json"))
@json_object
@click.pass_obj
def release(session: Session, *, as_json: bool) -> None:
    """End the hold, and let the circuit breaker stop nothing any more."""
    found = session.client().delete(HOLD)
    if as_json:
        echo_json(found)
    words = {"hold": "the hold", "breaker": "the circuit breaker"}
    released = " and ".join(words[each] for each in found["released"])
    say(f"released: {released or 'nothing, for nothing was held'}; next: evenrack status")


balance.add_command(solve_command)
balance.add_command(plan_command)
